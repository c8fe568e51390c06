"""`run(test)`: a test that is a coroutine, in a setting of its own."""

from __future__ import annotations

import pytest

from tests.support.fake_org.org import Org
from tests.support.running import Installation
from tests.workers.salesforce import setting
from tests.workers.salesforce.setting import Run


@pytest.fixture
def run(installation: Installation, org: Org) -> Run:
    return lambda test: setting.run(test, installation, org)
