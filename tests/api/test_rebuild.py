"""A view is thrown away and built anew while the API serves: nobody notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import LiteralString

import pytest

from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.view import View
from projections.views import VIEWS
from tests.support.client import Caller, Json, made, unique
from tests.support.running import Installation, until
from tests.support.swept import swept
from tests.support.tasks import HOURLY, submitted

TABLES = (
    "SELECT * FROM environment ORDER BY id",
    "SELECT * FROM lock_ticket ORDER BY id",
)
URL = "https://hooks.example.org/in"
COMMAND = ("rebuild", "environment_listing")


def test_the_same_rows_come_out_also_of_what_happens_meanwhile(
    owner: Caller, application: Caller, installation: Installation
) -> None:
    quiet = owner.environment(tags=["a"], metadata={"n": 1.5})
    application.lock(quiet).hold()
    application.lock(quiet).ticket(reason="later")
    shown, busy = facts(owner, quiet), application.lock(owner.environment())
    cycles = 0
    with installation.berth(*COMMAND) as command:
        while command.exit_code is None:
            made(busy.release(busy.hold()["ticketId"]))
            assert facts(owner, quiet) == shown
            cycles += 1
    assert (command.exit_code, cycles > 1) == (0, True)

    before = [installation.query(table) for table in TABLES]
    with installation.berth(*COMMAND) as again:
        until(lambda: again.exit_code is not None)
    assert [installation.query(table) for table in TABLES] == before


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_what_was_kept_up_live_comes_out_the_same(
    owner: Caller, application: Caller, installation: Installation, view: View
) -> None:
    kept = owner.environment()
    here = {"repositoryIdentifier": kept["repositoryIdentifier"]}
    gone, other = (owner.environment(name=name, **here) for name in ("gone", "other"))
    order = {"environmentOrder": ["gone", "other", "uat"]}
    path = "/environments/orchestration-order"
    assert owner.ask("PUT", path, order, category="test", **here).is_success
    for place in kept, gone:
        ticket = application.lock(place).hold()["ticketId"]
        made(application.publish(place, ticketId=ticket))
        made(application.lock(place).release(ticket))
    made(owner.patch(f"/environments/{other['id']}", {"category": "dev"}))
    made(application.delete(f"/tasks/{submitted(application)}"))
    submitted(application)
    hourly = submitted(application, **HOURLY)
    told = {"name": unique("hook"), "event": "*", "config": {"url": URL}}
    made(owner.post("/webhooks", told | {"status": "inactive"}))
    assert owner.delete(f"/environments/{gone['id']}").is_success
    assert owner.look(kept)["orchestrationOrder"] == 1
    assert owner.get(f"/tasks/{hourly}/status").is_success

    def read() -> None:
        """Whoever reads a view brings it up to date."""
        assert owner.releases(kept)["totalCount"] == 1
        for past in ("audit", "history", "holds"):
            assert made(owner.get(f"/environments/{kept['id']}/{past}"))
        for path in ("/environments", "/projects", "/tasks", "/webhooks"):
            assert owner.get(path).is_success

    until(lambda: came_out_the_same(installation, view, read))


def came_out_the_same(
    installation: Installation, view: View, read: Callable[[], None]
) -> bool:
    """False where an event came meanwhile: reads and refusals are recorded late."""
    url = installation.settings.database_url
    read()
    with closing(Database(url, pool_max=1)) as database:
        store = ViewStore(database)
        swept(url)
        _, tip, checkpoint = store.lag(view.name)
        before = shown(installation, view)
        with installation.berth("rebuild", view.name) as command:
            until(lambda: command.exit_code is not None)
        swept(url)
        after = shown(installation, view)
        if not checkpoint == tip == store.lag(view.name).tip:
            return False
    assert after == before
    assert any(before)
    return True


def shown(installation: Installation, view: View) -> Sequence[Sequence[str]]:
    return [rows(installation, table) for table in view.tables]


def rows(installation: Installation, table: LiteralString) -> Sequence[str]:
    found = installation.query(f"SELECT to_jsonb(t) AS row FROM {table} AS t")
    return sorted(str(row) for row in found)


def facts(owner: Caller, environment: Json) -> Json:
    """What does not change from one look to the next."""
    seen = owner.look(environment)
    lock = seen["lockStatus"]
    tickets = [waiting["ticketId"] for waiting in lock["queuedLocks"]]
    steady = ("id", "name", "tags", "metadata", "lockExpiresAt", "updatedAt")
    return {key: seen[key] for key in steady} | {"tickets": tickets}
