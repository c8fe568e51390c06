"""Somebody who has left traces in all there is of Berth, and is to be erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from domain.roles import Role
from tests.support.canaries import Canaries, tables
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import HOST, Api, Installation
from tests.support.servers import Servers, migrated_database
from tests.support.tasks import HOURLY, submitted

IP = "203.0.113.77"
LISTS = (
    *("/projects", "/application-tokens", "/webhooks", "/environments"),
    *("/tasks", "/tasks?scheduleType=recurring"),
)


@dataclass(frozen=True)
class From(Caller):
    """A caller whose address and browser are told, too."""

    agent: str = ""

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        told: Any = {"user-agent": self.agent, "x-forwarded-for": IP}
        headers = told | (query.pop("headers", None) or {})
        return super().ask(method, path, body, headers=headers, **query)


class Scene(NamedTuple):
    """Somebody to be erased, what they have done, and somebody else who is not."""

    here: Installation
    api: Api
    name: str
    agent: str
    ada: Caller
    bob: Caller
    environment: Json


@pytest.fixture(scope="module")
def own(
    installation: Installation,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Installation, Api]]:
    """A database of its own, and one API process."""
    with migrated_database(servers) as url:
        settings = {
            "BERTH_DATABASE_URL": url,
            "BERTH_TRUSTED_PROXIES": f"{HOST}/32",
        }
        folder = tmp_path_factory.mktemp("erasing")
        here = Installation(installation.environment | settings, folder)
        with here.api("api") as api:
            yield here, api


@pytest.fixture
def scene(own: tuple[Installation, Api]) -> Scene:
    """Everything in which a person may be named, and nothing of it goes on."""
    here, api = own
    name, agent = unique("ada.canary@people.example"), unique("CanaryBrowser")
    bob = api.caller(Role.OWNER, unique("bob@people.example"))
    ada = From(**vars(api.caller(Role.OWNER, name)), agent=agent)
    environment = ada.environment(tags=["pool:core"])
    mine, theirs = ada.lock(environment), bob.lock(environment)
    ticket, other = mine.hold()["ticketId"], theirs.ticket()
    made(ada.publish(environment, ticketId=ticket))
    ada.look(environment)
    made(theirs.release(ticket))  # By force.
    made(theirs.acquire(other, 0))
    waiting = mine.ticket(reason="no more")
    made(theirs.release(other))  # Which grants it to ada.
    made(mine.release(waiting))
    made(ada.delete(f"/tasks/{submitted(ada)}"))
    made(ada.post(f"/tasks/{submitted(ada, **HOURLY)}/stop-recurring"))
    made(ada.post("/application-tokens", {"name": "ci"}))
    hook = {"name": "h", "event": "lock.*", "config": {"url": f"http://{HOST}:9/"}}
    made(ada.post("/webhooks", hook))
    refused(
        From(**vars(api.caller(Role.MEMBER, name)), agent=agent).get("/webhooks"), 403
    )
    return Scene(here, api, name, agent, ada, bob, environment)


def traces(scene: Scene) -> list[str]:
    """Where in the database the person is named, or where they came from."""
    canaries = Canaries()
    canaries.add("name", scene.name)
    canaries.add("agent", scene.agent)
    url = scene.here.settings.database_url
    found = [*tables(url)]
    addresses = [place for place, content in found if IP.encode() in content]
    return canaries.found(found) + addresses


def caught_up(scene: Scene) -> None:
    """Whoever reads a view brings it up to date."""
    owner, at = scene.bob, scene.environment
    for path in LISTS:
        assert owner.get(path).is_success
    owner.audit(at)
    owner.releases(at)
    for past in "holds", "history":
        made(owner.get(f"/environments/{at['id']}/{past}"))
