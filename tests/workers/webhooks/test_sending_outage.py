"""So much is sent at once; it is put down though the database was away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
import pytest

from domain.errors import JournalUnavailable
from projections.storage import deliveries
from projections.storage.database import Database
from projections.storage.deliveries import (
    AT_ONCE_MAX,
    Attempt,
    Claimed,
    Deliveries,
    New,
)
from projections.storage.descriptions import Descriptions
from projections.storage.past import Past
from tests.projections.test_deliveries import ADD, RESTED, run
from tests.projections.test_views import append
from tests.support.memory import MemoryJournal
from tests.workers.webhooks.test_sending import (
    ISSUED,
    OneReceiver,
    Slow,
    database,
    left,
    until,
)
from workers.loop import end
from workers.webhooks import sending
from workers.webhooks.bodies import Bodies
from workers.webhooks.receivers import Receiver
from workers.webhooks.sending import Sending

__all__ = ["database"]
DUE = "UPDATE webhook_delivery SET due_at = now()"


class Away(Deliveries):
    """Nothing can be claimed, or put down, while it is away."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.claims_nothing = self.settles_nothing = False
        self.claims = self.failures = 0

    async def claim(self, busy: Mapping[str, int]) -> Sequence[Claimed]:
        self.claims += 1
        if self.claims_nothing:
            self.failures += 1
            raise JournalUnavailable("it does not answer")
        return await super().claim(busy)

    async def settle(self, attempts: Sequence[Attempt]) -> Sequence[str]:
        if self.settles_nothing:
            self.failures += 1
            raise JournalUnavailable("it does not answer")
        return await super().settle(attempts)


class OnlyA(OneReceiver):
    """Whoever else there was has just been deleted."""

    async def of(self, ids: Collection[str], now: datetime) -> Mapping[str, Receiver]:
        return await super().of({*ids} & {"a"}, now)


@asynccontextmanager
async def sender(
    database: Database, url: str, slow: Slow, *new: New
) -> AsyncIterator[Away]:
    append(url, [("tokens/1", ISSUED)] * max(one.position for one in new))
    deliveries, receivers = Away(database), OnlyA()
    outside: Any = (receivers, slow)
    past, descriptions = Past(database), Descriptions(database)
    one = Sending(MemoryJournal(), deliveries, past, descriptions, *outside)
    await deliveries.put_again(new)
    running = asyncio.create_task(one.run(Bodies("here")))
    try:
        yield deliveries
    finally:
        await end(running)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(sending, "TRY_AGAIN_SECONDS", 0.01)


def test_a_receiver_has_so_many_at_once_and_others_when_those_are_answered(
    database: Database, own_journal_url: str
) -> None:
    slow, count = Slow(), 2 * AT_ONCE_MAX + 1
    new = [New("a", position) for position in range(1, count + 1)]

    async def scene() -> None:
        async with sender(database, own_journal_url, slow, *new) as deliveries:
            await until(lambda: len(slow.tried) == AT_ONCE_MAX)
            seen = deliveries.claims
            await until(lambda: deliveries.claims > seen + 1)
            assert len(slow.tried) == AT_ONCE_MAX
            slow.answers.set()
            await until(lambda: left(own_journal_url) == [])
        assert len(slow.tried) == count

    asyncio.run(scene())


def test_what_failed_takes_no_place_once_it_was_put_down(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "AT_ONCE_MAX", 1)
    url, slow = own_journal_url, Slow(500)
    slow.answers.set()

    async def scene() -> None:
        async with sender(database, url, slow, New("a", 1)):
            for attempts in 1, 2, 3:
                await until(partial(has_failed, url, attempts))
                run(url, RESTED)
                run(url, DUE)

    asyncio.run(scene())
    assert {*slow.tried} == {"e1"}


def has_failed(url: str, attempts: int) -> bool:
    with psycopg.connect(url) as connection:
        [[told]] = connection.execute("SELECT attempts FROM webhook_delivery")
    return bool(told == attempts)


def test_what_could_not_be_put_down_is_later_and_is_not_sent_again(
    database: Database, own_journal_url: str
) -> None:
    slow = Slow()
    slow.answers.set()

    async def scene() -> None:
        async with sender(database, own_journal_url, slow, New("a", 1)) as deliveries:
            deliveries.settles_nothing = True
            await until(lambda: deliveries.failures > 1)
            assert left(own_journal_url) == [1]
            deliveries.settles_nothing = False
            await until(lambda: left(own_journal_url) == [])
        assert slow.tried == ["e1"]

    asyncio.run(scene())


def test_what_was_answered_is_put_down_by_who_stops(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next one would send it again."""
    monkeypatch.setattr(sending, "TRY_AGAIN_SECONDS", 600.0)
    slow = Slow()
    slow.answers.set()

    async def scene() -> None:
        async with sender(database, own_journal_url, slow, New("a", 1)) as deliveries:
            deliveries.settles_nothing = True
            await until(lambda: deliveries.failures == 1)
            deliveries.settles_nothing = False

    asyncio.run(scene())
    assert left(own_journal_url) == []


def test_while_nothing_can_be_claimed_what_was_sent_goes_on(
    database: Database, own_journal_url: str
) -> None:
    slow = Slow()

    async def scene() -> None:
        async with sender(database, own_journal_url, slow, New("a", 1)) as deliveries:
            await until(lambda: slow.tried == ["e1"])
            deliveries.claims_nothing = True
            await until(lambda: deliveries.failures > 1)
            slow.answers.set()
            await until(lambda: left(own_journal_url) == [])
            append(own_journal_url, [("tokens/2", ISSUED)])
            await deliveries.put_again([New("a", 2)])
            deliveries.claims_nothing = False
            await until(lambda: left(own_journal_url) == [])
        assert slow.tried == ["e1", "e2"]

    asyncio.run(scene())


def test_who_was_deleted_a_moment_ago_keeps_nobody_waiting(
    database: Database, own_journal_url: str
) -> None:
    run(own_journal_url, ADD, "b")
    slow = Slow()
    slow.answers.set()

    async def scene() -> None:
        new = New("b", 1), New("a", 2)
        async with sender(database, own_journal_url, slow, *new):
            await until(lambda: left(own_journal_url) == [1])
        assert slow.tried == ["e2"]

    asyncio.run(scene())
