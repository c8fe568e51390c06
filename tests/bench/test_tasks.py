"""The row of tasks can be measured: everywhere, what is submitted is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.rows.tasks import SITES
from tests.support.servers import Servers


@pytest.mark.parametrize("name", SITES)
def test_what_is_submitted_is_run(servers: Servers, tmp_path: Path, name: str) -> None:
    with SITES[name](servers, tmp_path) as site:
        taken = site.latencies_ms(3)
    assert len(taken) == 3
    assert min(taken) > 0
