"""Locks whose time is up are passed on together, and none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from domain.decider import Outcome, Step
from domain.environment.events import LockExpired
from domain.errors import JournalUnavailable
from domain.record import Recorded, origin_of
from tests.projections.journal_contract import stored
from tests.support.builders import (
    OWNER,
    acquired,
    at,
    granted,
    register,
    registered,
    request,
    requested,
    to,
)
from tests.support.journal_rows import put
from tests.support.memory import Hands, MemoryJournal
from workers.lock_expiry import LockExpiry

LOCKS, APPENDS_MAX = 200, 20


class Silent(MemoryJournal):
    """Does not answer where `silent_about` is concerned."""

    silent_about = ""

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        if steps[0].stream == self.silent_about:
            raise JournalUnavailable("it does not answer")
        return await super().execute(*steps, wait_seconds=wait_seconds)


def of(journal: MemoryJournal, *streams: str) -> LockExpiry:
    return LockExpiry(listed(*streams), journal)


def listed(*streams: str) -> Callable[[], asyncio.Future[Sequence[str]]]:
    def due() -> asyncio.Future[Sequence[str]]:
        told = asyncio.get_running_loop().create_future()
        told.set_result(streams)
        return told

    return due


def held(streams: Sequence[str]) -> Sequence[Recorded]:
    """Each of the environments is locked, until ten minutes past noon."""
    records: list[Recorded] = []
    for stream in streams:
        past = (
            registered(name=stream),
            requested("a"),
            granted("a", 1, 600),
            acquired("a", 1, 600),
        )
        for version, event in enumerate(past, start=1):
            position, origin = len(records) + 1, origin_of(OWNER, at(0))
            records.append(
                Recorded(stream, version, position, f"{position}", event, origin)
            )
    return records


async def lock(journal: MemoryJournal, *streams: str) -> None:
    for stream in streams:
        await journal.execute(to(stream, register(name=stream)))
        await journal.execute(to(stream, request("a", lease=600)))


def expired_in(records: Sequence[Recorded]) -> Sequence[Recorded]:
    return [record for record in records if isinstance(record.event, LockExpired)]


def test_many_that_are_due_at_once_are_passed_on_in_few_appends(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        streams = [f"e{number}" for number in range(LOCKS)]
        put(journal_url, held(streams))
        async with stored(journal_url) as rig:
            expiry = LockExpiry(listed(*streams), rig.journal)
            assert await expiry.run_once() == LOCKS
            assert await expiry.run_once() == 0
            expired = expired_in(rig.records())
            assert {record.originator_id for record in expired} == {*streams}
            # What is appended together has one instant.
            assert len({record.origin.at for record in expired}) < APPENDS_MAX

    asyncio.run(scenario())


def test_one_that_is_gone_counts_for_nothing(
    journal: MemoryJournal, clock: Hands
) -> None:
    async def scenario() -> None:
        await lock(journal, "uat", "sit")
        clock.turn(seconds=600)
        assert await of(journal, "uat", "gone", "sit").run_once() == 2

    asyncio.run(scenario())


def test_before_its_time_nothing_expires(journal: MemoryJournal, clock: Hands) -> None:
    async def scenario() -> None:
        await lock(journal, "uat")
        clock.turn(seconds=599)
        assert await of(journal, "uat").run_once() == 0
        assert not expired_in(journal.records)

    asyncio.run(scenario())


def test_what_is_not_answered_is_told_when_all_others_were_tried(clock: Hands) -> None:
    async def scenario() -> None:
        journal = Silent(clock)
        await lock(journal, "uat", "sit", "prod")
        clock.turn(seconds=600)
        journal.silent_about = "uat"
        expiry = of(journal, "uat", "sit", "prod")
        with pytest.raises(JournalUnavailable):
            await expiry.run_once()
        expired = [record.originator_id for record in expired_in(journal.records)]
        assert expired == ["sit", "prod"]
        journal.silent_about = ""
        assert await expiry.run_once() == 1

    asyncio.run(scenario())
