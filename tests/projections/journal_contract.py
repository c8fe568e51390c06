"""What it takes to ask the journal in memory and the stored one the same questions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

import psycopg
import pytest
from eventsourcing.persistence import JSONTranscoder, Notification

from domain.decider import Decider, Journal, Outcome
from domain.environment.lock import LockCommand
from domain.event import Event
from domain.record import Recorded
from projections.storage.append import Appender
from projections.storage.database import Database
from projections.storage.journal import StoredJournal
from projections.storage.mapper import EventMapper
from projections.storage.parking import Parking
from projections.storage.subjects import Subjects
from tests.support.builders import acquire, register, request, to
from tests.support.memory import Hands, MemoryJournal
from tests.support.servers import Servers, migrated_database

MAPPER = EventMapper(JSONTranscoder())
ENOUGH_SECONDS = 60
LONG_SECONDS = 120
Waiting = asyncio.Task[Outcome]
END_OTHERS = """
SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = """
SELECT quote_ident(tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'migration'
"""


class Rig(Protocol):
    """A journal made ready for a test, and what the test may look at."""

    @property
    def journal(self) -> Journal: ...

    @property
    def parking(self) -> Parking: ...

    def records(self) -> Sequence[Recorded]: ...

    def pass_time(self, seconds: float) -> None:
        """Let it be so much later; where time is real, it passes by itself."""


class MemoryRig:
    def __init__(self) -> None:
        self.clock = Hands()
        self.journal = MemoryJournal(self.clock)
        self.parking = self.journal._parking

    def records(self) -> Sequence[Recorded]:
        return self.journal.records

    def pass_time(self, seconds: float) -> None:
        self.clock.turn(seconds=seconds)


class StoredRig:
    """One process that writes: its `appender` and its `journal`."""

    def __init__(self, url: str, subjects: Subjects | None = None) -> None:
        self.url = url
        self.appender = Appender(Database(url, subjects=subjects))
        self.journal = StoredJournal(self.appender)
        self.parking = self.appender.parking

    def records(self) -> Sequence[Recorded]:
        return records_in(self.url)

    def pass_time(self, seconds: float) -> None:
        pass


@asynccontextmanager
async def stored(
    url: str, subjects: Subjects | None = None
) -> AsyncIterator[StoredRig]:
    """A process that writes to the database at `url`, while the block lasts."""
    rig = StoredRig(url, subjects)
    writer = asyncio.create_task(rig.journal.run())
    try:
        yield rig
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
        rig.journal.close()


@asynccontextmanager
async def in_memory() -> AsyncIterator[MemoryRig]:
    yield MemoryRig()


OpenRig = Callable[[], AbstractAsyncContextManager[Rig]]


@pytest.fixture(scope="session")
def migrated_url(servers: Servers) -> Iterator[str]:
    """A database with today's schema, for all tests."""
    with migrated_database(servers) as url:
        yield url


@pytest.fixture
def journal_url(migrated_url: str) -> str:
    """A database with today's schema and no events.

    It is the same for each test, since emptying one takes 2 ms and a new one 100.
    """
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(END_OTHERS)
        tables = connection.execute(TABLES).fetchall()
        connection.execute(";".join(f"DELETE FROM {name}" for (name,) in tables))
    return migrated_url


@pytest.fixture
def own_journal_url(servers: Servers) -> Iterator[str]:
    """One that nobody has used before, nor will."""
    with migrated_database(servers) as url:
        yield url


@pytest.fixture(params=["memory", "stored"])
def open_rig(request: pytest.FixtureRequest) -> OpenRig:
    """Either journal; when the test is done with it, its promises are checked."""
    is_stored = request.param == "stored"
    url: str = request.getfixturevalue("journal_url") if is_stored else ""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Rig]:
        async with stored(url) if is_stored else in_memory() as rig:
            yield rig
            check_the_order_of(rig.records())
            assert len(rig.parking) == 0
            assert "e" not in rig.parking

    return opened


def records_in(url: str) -> Sequence[Recorded]:
    """Every event of the journal, in order, read without any of Berth's own SQL."""
    statement = """SELECT notification_id, originator_id, originator_version, topic,
        state FROM berth_events ORDER BY notification_id"""
    with psycopg.connect(url) as connection:
        rows = connection.execute(statement).fetchall()
    return [
        MAPPER.to_domain_event(
            Notification(
                id=position,
                originator_id=stream,
                originator_version=version,
                topic=topic,
                state=state,
            )
        )
        for position, stream, version, topic, state in rows
    ]


def check_the_order_of(records: Sequence[Recorded]) -> None:
    """No gap among the positions, nor in any stream, and time never goes back."""
    assert [r.position for r in records] == list(range(1, len(records) + 1))
    versions: Counter[str] = Counter()
    for record in records:
        versions[record.originator_id] += 1
        assert record.originator_version == versions[record.originator_id]
    instants = [record.origin.at for record in records]
    assert instants == sorted(instants)
    assert len({record.id for record in records}) == len(records)


def folded(
    decider: Decider[Any, Any, Any], records: Sequence[Recorded], stream: str
) -> Any:
    return decider.fold([r.event for r in records if r.originator_id == stream])


def kinds(events: Sequence[Event]) -> Sequence[str]:
    return [type(event).__name__ for event in events]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`; the test fails if it does not come about."""
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not condition():  # noqa: ASYNC110 - a thread may bring it about
            await asyncio.sleep(0.001)


async def parked(rig: Rig, calls: int) -> None:
    """So many wait, and the append that parked the last of them is over."""
    await until(lambda: len(rig.parking) == calls)
    await rig.journal.execute()


async def begin(rig: Rig, *streams: str, **details: Any) -> None:
    """Register an environment for each stream."""
    steps = [to(stream, register(**details), fresh=True) for stream in streams]
    await rig.journal.execute(*steps)


async def taken(rig: Rig, *queue: str) -> None:
    """The environment `e` is held by `a`, and `queue` waits in that order."""
    await begin(rig, "e")
    held = [request("a"), acquire("a")]
    asked = [request(ticket) for ticket in queue]
    await rig.journal.execute(*(to("e", command) for command in [*held, *asked]))


def wait_for(rig: Rig, ticket: str, seconds: float = LONG_SECONDS) -> Waiting:
    step = to("e", acquire(ticket))
    return asyncio.create_task(rig.journal.execute(step, wait_seconds=seconds))


async def do(rig: Rig, command: LockCommand) -> Outcome:
    return await rig.journal.execute(to("e", command))
