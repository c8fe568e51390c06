"""The repositories and the org that the reference API's examples speak of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.replay import example
from tests.support.client import Caller, Json, made

REPOSITORIES = ("myorg/myrepo", "myorg/my-salesforce-project")
AUTH_URL = "force://PlatformCLI::5Aep861@mycompany.my.salesforce.com"
GIVEN = (
    "repositoryIdentifier", "name", "description", "category", "salesforceUsername",
    "isActive", "isDefault", "metadata", "tags", "branch",
)  # fmt: skip


@pytest.fixture(autouse=True)
def repositories(owner: Caller) -> Iterator[None]:
    """Registered, with their org, and empty before and after."""
    for name in REPOSITORIES:
        body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
        assert owner.post("/projects", body).status_code in {201, 409}
    username = example("create").body["salesforceUsername"]
    owner.org(AUTH_URL, username=username)
    yield
    for name in REPOSITORIES:
        groups = made(owner.get("/environments", repositoryIdentifier=name))
        for environment in (e for group in groups.values() for e in group):
            for record in owner.audit(environment, accessType="lock"):
                ticket = record["access_details"]["ticket_id"]
                made(owner.lock(environment).release(ticket))
            assert owner.delete(f"/environments/{environment['id']}").is_success


def put_there(owner: Caller, like: Json, **otherwise: Any) -> Json:
    """An environment as the example `like` shows it."""
    return owner.environment(**{key: like[key] for key in GIVEN} | otherwise)
