"""A tail hands on each event of its kind, in order, from one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from threading import Event
from time import monotonic

import psycopg
import pytest

from domain.record import Recorded
from domain.token import TokenIssued, TokenRevoked
from projections.storage import tail as tails
from projections.storage.database import Database
from projections.storage.tail import Tail
from tests.projections.test_views import append
from tests.support.builders import at
from tests.support.dispatching import until
from tests.support.scenes import play
from workers.loop import run_forever

PLACE = "SELECT position FROM tail"
SESSION = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def story(count: int) -> list[tuple[str, TokenIssued | TokenRevoked]]:
    """Each other one is of no interest to the tail."""
    return [
        (f"token/{number}", TokenIssued(f"{number}", "ab", at(60)))
        if number % 2 == 0
        else (f"token/{number}", TokenRevoked())
        for number in range(count)
    ]


def never(_: object) -> bool:
    """It does not come back, either."""
    return False


class Reading:
    """What one tail has handed on; it takes nothing while it `is_closed`."""

    def __init__(self, url: str, pause_seconds: float) -> None:
        self.database = Database(url)
        self.heard: list[int] = []
        self.batches = 0
        self.thawed = Event()
        self.is_closed = False
        self.most_at_once = 0
        self.takes_at_once_max = 1_000
        self.tells_at = 0
        self.told: Callable[[], None] = lambda: None
        self.tail = Tail(
            self.database,
            "tail",
            [TokenIssued],
            self.hand_on,
            pause_seconds=pause_seconds,
        )

    async def hand_on(self, records: Sequence[Recorded]) -> bool:
        self.batches += 1
        self.most_at_once = max(self.most_at_once, len(records))
        if len(records) > self.takes_at_once_max:
            await asyncio.Event().wait()
        if not self.is_closed:
            self.heard += [record.position for record in records]
        is_taken = not self.is_closed
        if self.heard[-1:] == [self.tells_at]:
            self.tells_at = 0
            self.told()
        return is_taken

    def frozen(self, _: object) -> tuple[int, int, Sequence[Recorded]]:
        self.thawed.wait()
        return 0, 0, []

    async def has_heard(self) -> bool:
        return bool(self.heard)

    async def leads(self) -> bool:
        return self.tail.is_leading


@asynccontextmanager
async def reading(url: str, pause_seconds: float = 0) -> AsyncIterator[Reading]:
    one = Reading(url, pause_seconds)
    running = asyncio.create_task(run_forever("tail", one.tail.run, 0.1))
    with closing(one.database):
        try:
            yield one
        finally:
            one.thawed.set()  # No event loop ends before its threads.
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_it_hands_on_what_there_is_and_what_comes_once_each(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "BATCH_MAX", 7)
    append(own_journal_url, story(20))

    async def scene() -> None:
        async with reading(own_journal_url) as one:
            await until(lambda: heard(one, 10))
            append(own_journal_url, story(4))
            one.tail.nudge()
            await until(lambda: heard(one, 12))
            assert one.heard == [*range(1, 20, 2), 21, 23]
            await until(lambda: is_noted(own_journal_url, 24))
        async with reading(own_journal_url) as later:
            append(own_journal_url, story(1))
            later.tail.nudge()
            await until(later.has_heard)
            assert later.heard == [25]

    asyncio.run(scene())


def test_where_much_happens_batches_are_few(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes in the pause after many of them goes together."""
    monkeypatch.setattr(tails, "MANY", 2)
    append(own_journal_url, story(4))

    async def scene() -> None:
        began = monotonic()
        async with reading(own_journal_url, pause_seconds=2) as one:
            await until(lambda: heard(one, 2))
            for _ in range(20):
                await asyncio.to_thread(append, own_journal_url, story(4))
                one.tail.nudge()
            await until(lambda: heard(one, 42))
            assert one.batches <= 2 + (monotonic() - began) / 2

    asyncio.run(scene())


@pytest.mark.parametrize("place", [2**15 - 10, 2**31 - 10])
def test_it_goes_on_past_the_end_of_every_smaller_type_of_number(
    own_journal_url: str, place: int
) -> None:
    """Psycopg sends a position as the smallest type that it fits into."""
    append(own_journal_url, story(40))
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(
            "UPDATE berth_events SET notification_id = notification_id + %s", [place]
        )
        connection.execute("INSERT INTO tail VALUES ('tail', %s)", [place])

    async def scene() -> None:
        async with reading(own_journal_url) as one:
            await until(lambda: heard(one, 20))
            assert one.heard == [*range(place + 1, place + 40, 2)]

    asyncio.run(scene())


async def is_noted(url: str, position: int) -> bool:
    """Whether whoever comes next begins after it."""
    with psycopg.connect(url) as connection:
        return connection.execute(PLACE).fetchall() == [(position,)]


async def heard(one: Reading, count: int) -> bool:
    return len(one.heard) >= count


def test_what_was_not_taken_is_offered_again_and_nothing_goes_before_it(
    own_journal_url: str,
) -> None:
    append(own_journal_url, story(2))

    async def scene(one: Reading) -> None:
        one.is_closed = True
        await until(lambda: offered(one, 3))
        append(own_journal_url, story(2))
        one.is_closed = False
        await until(lambda: heard(one, 2))
        assert one.heard == [1, 3]

    play(reading(own_journal_url), scene)


@pytest.mark.parametrize(("back_to", "again"), [(2, [3, 5]), (0, [1, 3, 5])])
def test_what_was_lost_is_handed_on_once_more(
    own_journal_url: str, back_to: int, again: Sequence[int]
) -> None:
    append(own_journal_url, story(6))

    async def scene(one: Reading) -> None:
        await until(lambda: heard(one, 3))
        await until(lambda: is_at(one, 6))
        one.tail.rewind(back_to)
        await until(lambda: heard(one, 3 + len(again)))
        assert one.heard == [1, 3, 5, *again]
        await until(lambda: is_at(one, 6))

    play(reading(own_journal_url), scene)


def test_what_is_lost_while_it_is_busy_does_not_wait_until_it_has_done(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "BATCH_MAX", 2)
    append(own_journal_url, story(40))

    async def scene(one: Reading) -> None:
        one.tells_at, one.told = 21, lambda: one.tail.rewind(4)
        await until(lambda: is_at(one, 40))
        assert one.heard == [*range(1, 22, 2), *range(5, 41, 2)]

    play(reading(own_journal_url), scene)


def test_whoever_follows_one_that_was_busy_passes_over_nothing(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "BATCH_MAX", 2)
    append(own_journal_url, story(40))

    async def scene() -> None:
        async with reading(own_journal_url) as one:

            def close() -> None:
                one.is_closed = True

            one.tells_at, one.told = 21, close
            await until(lambda: offered(one, 14))
        async with reading(own_journal_url) as other:
            await until(lambda: is_at(other, 40))
            assert other.heard == [*range(23, 41, 2)]

    asyncio.run(scene())


async def is_at(one: Reading, position: int) -> bool:
    return one.tail.position == position


async def offered(one: Reading, times: int) -> bool:
    return one.batches >= times


@pytest.mark.parametrize("how", ["dies", "freezes"])
def test_whoever_leads_and_dies_or_freezes_is_soon_followed_by_another(
    own_journal_url: str, how: str
) -> None:
    async def scene(one: Reading) -> None:
        await until(one.leads)
        if how == "freezes":
            # What a frozen process does: it keeps its session, and says nothing.
            one.tail._read = one.frozen  # type: ignore[assignment]
        async with reading(own_journal_url) as other:
            await asyncio.to_thread(append, own_journal_url, story(1))
            if how == "dies":
                with psycopg.connect(own_journal_url) as connection:
                    [[pid]] = connection.execute(SESSION).fetchall()
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                one.tail._lead = never  # type: ignore[assignment]
            await until(other.leads)
            await until(other.has_heard)
            assert other.heard == [1]

    play(reading(own_journal_url), scene)
