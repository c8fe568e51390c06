"""A Berth that knows a made-up Salesforce, and asks it before it believes anybody.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, unique
from tests.support.fake_org.org import Org
from tests.support.fake_org.server import FakeSalesforce, fake_salesforce
from tests.support.running import Api, Installation

FULL = {"BERTH_SALESFORCE_CHECK": "on", "BERTH_CREDENTIALS": "all"}
# So the vault looks to who had found an org, just when it was registered again.
ERASE_LATEST = """
DELETE FROM credential
WHERE created_at = (SELECT max(created_at) FROM credential)
RETURNING id
"""


@pytest.fixture(scope="session")
def salesforce() -> Iterator[FakeSalesforce]:
    """One server for all tests: each makes orgs of its own there."""
    with fake_salesforce() as fake:
        yield fake


@pytest.fixture(scope="session")
def asking(installation: Installation, salesforce: FakeSalesforce) -> Iterator[Api]:
    """An API process that asks it."""
    settings = FULL | {"BERTH_SALESFORCE_HOSTS": salesforce.origin}
    with installation.api("asking-api", **settings) as process:
        yield process


@pytest.fixture
def org(salesforce: FakeSalesforce) -> Org:
    return salesforce.org(unique("deploy@acme.example"))


@dataclass(frozen=True)
class Site:
    """An environment with its org, and who asks for what."""

    api: Api
    org: Org
    environment: Json

    @property
    def path(self) -> str:
        return f"/environments/{self.environment['id']}"

    def caller(self, role: Role) -> Caller:
        return self.api.caller(role, unique(role))


def site(api: Api, org: Org, **details: Any) -> Site:
    """`org` registered, and an environment of it."""
    owner = api.caller(Role.OWNER)
    owner.org(org.auth_url, username=org.username)
    return Site(api, org, owner.environment(salesforceUsername=org.username, **details))


@pytest.fixture
def here(asking: Api, org: Org) -> Site:
    return site(asking, org)
