"""A database that comes back with less than it had: what is decided is of what it has.

A standby that took over may lack the last commits, as a backup does, unless it is one
that each commit waits for (docs/deploy.md).
"""

from __future__ import annotations

import asyncio
from contextlib import closing

import psycopg

from projections.storage.database import Database
from projections.storage.reader import Reader
from tests.projections.journal_contract import (
    StoredRig,
    begin,
    check_the_order_of,
    do,
    kinds,
    parked,
    records_in,
    stored,
    taken,
    until,
    wait_for,
)
from tests.projections.test_subjects import (
    ADA,
    BOB,
    Process,
    process,
    read,
    request,
    states,
)
from tests.support import builders
from tests.support.builders import release, to
from workers.doorbell import Lookout

__all__ = ["process"]


KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'berth'
"""


async def lose(rig: StoredRig, after: int, *statements: str) -> None:
    """All events after that position, as a standby takes over."""
    with psycopg.connect(rig.url) as connection:
        forget = "DELETE FROM berth_events WHERE notification_id > %s"
        connection.execute(forget, [after])
        for statement in (*statements, KILL):
            connection.execute(statement)
    await until(lambda: not rig.appender._recorder.is_open)


def test_nothing_is_decided_on_what_was_lost(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig)
            kept = len(records_in(journal_url))
            await do(rig, builders.request("lost"))
            await lose(rig, kept)
            asked = await do(rig, builders.request("b"))
            assert list(asked.states[0].queue.tickets) == ["a", "b"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_who_waits_is_woken_by_what_happens_afterwards(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig, "b")
            kept = len(records_in(journal_url))
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, builders.request("lost"))
            await lose(rig, kept)
            await do(rig, release("a"))
            assert kinds((await waiting).events) == ["LockAcquired"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_who_waits_is_found_by_the_lookout_that_was_further(journal_url: str) -> None:
    """Nobody rings for what another appends at a position that was there before."""

    async def scenario() -> None:
        async with stored(journal_url) as rig, stored(journal_url) as other:
            await taken(rig, "b")
            kept = len(records_in(journal_url))
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            for name in ("lost", "as well", "and more"):
                await do(rig, builders.request(name))
            with closing(Database(journal_url, name="berth-views")) as database:
                look = Lookout(Reader(database).streams_since, rig.journal.ring)
                await look.run_once()
                await lose(rig, kept)
                await do(other, release("a"))
                await look.run_once()
                assert kinds((await waiting).events) == ["LockAcquired"]

    asyncio.run(scenario())


def test_nobody_is_hidden_under_a_key_that_was_lost(
    journal_url: str, process: Process
) -> None:
    """Though by now there are newer ones than it was."""
    here, elsewhere = process(), process()

    async def scenario() -> None:
        async with stored(journal_url, here) as rig:
            await begin(rig, "e")
            kept = len(states(journal_url))
            await rig.journal.execute(to("e", request("lost", BOB)))
            forget = (
                "DELETE FROM subject_key WHERE id = (SELECT max(id) FROM subject_key)"
            )
            await lose(rig, kept, forget)
            await asyncio.to_thread(elsewhere.meet, [ADA.id])
            await rig.journal.execute(to("e", request("b", BOB)))

    asyncio.run(scenario())
    assert read(journal_url, process())[-1].origin.by == BOB.id
