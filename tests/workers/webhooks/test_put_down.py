"""What is put down for a webhook is so once, and who sends is told of it."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from domain.event import Event
from domain.webhook.events import (
    Ordering,
    SuspensionReason,
    WebhookDeleted,
    WebhookSuspended,
)
from projections.storage.database import Database
from tests.domain.test_webhook import created
from tests.projections.test_deliveries import run
from tests.projections.test_views import append
from tests.workers.webhooks.test_fan_out import (
    ISSUED,
    STORY,
    database,
    fan_out,
    read,
    rows,
)

__all__ = ["database"]


def test_what_is_handed_on_once_more_is_not_put_down_again_once_it_was_delivered(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, STORY[1:3])

    async def follow() -> None:
        following, records = fan_out(database), await read(database, 1, 2)
        for _ in range(2):
            assert await following.hand_on(records)
            run(own_journal_url, "DELETE FROM webhook_delivery")
        assert await following.hand_on(records)

    asyncio.run(follow())
    assert rows(own_journal_url) == []


def test_what_happens_to_a_webhook_is_told_by_who_was_there_before(
    database: Database, own_journal_url: str
) -> None:
    """Its own end as well, and not its own beginning."""
    changes: list[tuple[str, Event]] = [
        ("webhooks/a", created(pattern="webhook.*")),
        ("webhooks/b", created()),
        ("webhooks/a", WebhookSuspended(SuspensionReason.FAILING)),
        ("webhooks/b", WebhookDeleted()),
    ]
    append(own_journal_url, changes)

    async def follow() -> None:
        assert await fan_out(database).hand_on(await read(database, 1, 4))

    asyncio.run(follow())
    assert [row for row in rows(own_journal_url) if row[0] == "a"] == [
        ("a", 2),
        ("a", 3),
    ]


def test_who_sends_is_told_once_there_is_something_to_send(
    database: Database, own_journal_url: str
) -> None:
    """It is there by then, and nobody is told of what is for nobody."""
    append(own_journal_url, STORY)
    found: list[int] = []

    def look() -> None:
        found.append(len(rows(own_journal_url)))

    async def follow() -> None:
        following = fan_out(database, on_new=look)
        for first, last in (1, 2), (3, 3), (4, 8), (9, 10), (11, 15):
            assert await following.hand_on(await read(database, first, last))

    asyncio.run(follow())
    assert found == [1, 5, 6]


@pytest.mark.parametrize("ordering", Ordering, ids=str)
def test_what_goes_in_order_does_so_beside_all_that_is_of_the_same(
    database: Database, own_journal_url: str, ordering: Ordering
) -> None:
    hook = created(pattern="token.issued", ordering=ordering)
    append(own_journal_url, [("webhooks/a", hook), ("tokens/1", ISSUED)])

    async def follow() -> None:
        assert await fan_out(database).hand_on(await read(database, 1, 2))

    asyncio.run(follow())
    with psycopg.connect(own_journal_url) as connection:
        [[subject]] = connection.execute("SELECT subject FROM webhook_delivery")
    assert subject == (None if ordering is Ordering.NONE else "tokens/1")
