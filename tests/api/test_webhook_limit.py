"""Webhooks by the hundred: no more than there may be, and listed in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from api.webhooks import shown
from domain.decider import Step
from domain.ids import new_id
from domain.roles import Role
from domain.webhook.places import STREAM, WEBHOOKS_MAX, TakePlace, places
from domain.webhook.webhook import CreateWebhook, stream_of, webhook
from projections.storage.deliveries import sql as deliveries
from projections.webhook_directory import sql, webhook_directory
from tests.domain.test_webhook import created
from tests.support.builders import OWNER
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Installation
from tests.support.servers import Servers, migrated_database
from workers.wiring import running

ROOM, AT_ONCE = 3, 12
BODY: Json = {
    "name": "one more",
    "event": "lock.*",
    "config": {"url": "https://hooks.example.org/in"},
    "status": "inactive",
}
SECRETS = "SELECT count(*) AS number FROM credential"


@pytest.fixture
def own(
    installation: Installation, servers: Servers, tmp_path: Path
) -> Iterator[Installation]:
    """Nobody else's webhooks are there."""
    with migrated_database(servers) as url:
        environment = installation.environment | {"BERTH_DATABASE_URL": url}
        yield Installation(environment, tmp_path)


def webhooks(count: int) -> Sequence[Step]:
    """What creates so many, but for what the vault would have of them."""
    ids = [new_id() for _ in range(count)]
    facts = created(is_active=False)
    return [
        *(
            Step(webhook, stream_of(id_), CreateWebhook(by=OWNER, created=facts))
            for id_ in ids
        ),
        *(Step(places, STREAM, TakePlace(by=OWNER, webhook_id=id_)) for id_ in ids),
    ]


def test_who_creates_at_once_in_two_processes_creates_no_more_than_there_may_be(
    own: Installation, pool: ThreadPoolExecutor
) -> None:
    own.decide(*webhooks(WEBHOOKS_MAX - ROOM))
    with own.api("one") as one, own.api("other") as other:
        owners = [api.caller(Role.OWNER) for api in (one, other)]
        everybody = [*chain.from_iterable([owners] * (AT_ONCE // 2))]
        answers = [*pool.map(lambda owner: owner.post("/webhooks", BODY), everybody)]
        full = [answer for answer in answers if answer.status_code == 409]
        assert len(full) == AT_ONCE - ROOM
        for answer in full:
            refused(answer, 409, "TOO_MANY_WEBHOOKS")
        new = [made(answer) for answer in answers if answer.status_code != 409]
        # Of those that were refused, the vault keeps nothing.
        assert own.query(SECRETS) == [{"number": 2 * ROOM}]
        assert len(listed(owners[0])) == WEBHOOKS_MAX
        assert owners[0].delete(f"/webhooks/{new[0]['id']}").status_code == 204
        made(owners[1].post("/webhooks", BODY))
        refused(owners[0].post("/webhooks", BODY), 409, "TOO_MANY_WEBHOOKS")


def test_a_long_list_takes_no_more_statements_than_a_short_one(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *values: Any, **how: Any) -> Any:
        # Not what the workers look for meanwhile.
        if "FROM credential" in str(query) or query == deliveries["count_waiting"]:
            asked.append(query)
        return execute(self, query, *values, **how)

    async def look() -> int:
        async with running(own.settings) as services:
            found = await services.reader.read(
                webhook_directory, sql["list_webhooks"], {"id": None}
            )
            desk: Any = SimpleNamespace(services=services)
            asked.clear()
            return len(await shown(desk, found.rows))

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    own.decide(*webhooks(2))
    assert (asyncio.run(look()), len(asked)) == (2, 2)
    own.decide(*webhooks(20))
    assert (asyncio.run(look()), len(asked)) == (22, 2)


def listed(owner: Caller) -> list[Json]:
    return list(made(owner.get("/webhooks")))  # type: ignore[arg-type]
