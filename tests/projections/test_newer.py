"""What only a newer version of Berth can read is neither passed over nor guessed at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from domain.catalog import tag
from domain.environment.chronicle import chronicle
from domain.environment.events import LockRequested
from domain.errors import JournalUnavailable
from domain.event import Actor
from domain.outward.belonging import NOBODYS
from domain.outward.sight import may_see
from domain.roles import Role
from domain.task.events import Order, Submitter, TaskStarted, TaskSubmitted
from projections.storage import time_travel
from projections.storage.database import Database
from projections.storage.entry import entry_at
from projections.storage.events_read import EventsRead, Found, Piece
from projections.storage.time_travel import LATEST, TimeTravel
from tests.projections.histories import STREAMS, histories, put
from tests.projections.test_time_travel import told
from tests.projections.test_views import append
from tests.support.builders import OWNER, at, registered, requested
from tests.support.newer import newer

STORY = [("uat", registered()), *(("uat", requested(str(n))) for n in range(4))]


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def positions(found: Sequence[Found]) -> list[int]:
    return [one.record.position for one in found]


def test_reading_ends_before_it_and_goes_no_further(
    own_journal_url: str, database: Database
) -> None:
    append(own_journal_url, STORY)
    read = EventsRead(database)

    def after(position: int, topics: Sequence[str] | None = None) -> Piece:
        reading = read.after(position, limit=100, bytes_max=10**6, topics=topics)
        return asyncio.run(reading)

    with newer(own_journal_url, 3):
        piece = after(0)
        assert (positions(piece.found), piece.until) == ([1, 2], 2)
        assert piece.is_cut
        piece = after(2)
        assert (positions(piece.found), piece.until) == ([], 2)
        assert piece.is_cut
        # It may well be of a kind that was asked for: nobody here can tell.
        piece = after(0, [tag(LockRequested)])
        assert (positions(piece.found), piece.until) == ([2], 2)
        assert piece.is_cut
    piece = after(2)
    assert (positions(piece.found), piece.is_cut) == ([3, 4, 5], False)


def test_of_some_positions_those_before_it_are_told(
    own_journal_url: str, database: Database
) -> None:
    append(own_journal_url, STORY)
    read = EventsRead(database)
    with newer(own_journal_url, 3):
        found = asyncio.run(read.at([1, 2, 3, 4], 10**6))
        assert positions(found) == [1, 2]
        with pytest.raises(JournalUnavailable, match="newer version"):
            asyncio.run(read.at([3, 4], 10**6))
        with pytest.raises(JournalUnavailable, match="newer version"):
            asyncio.run(entry_at(database, 3))
        assert asyncio.run(read.at([], 10**6)) == []


def test_an_instant_after_it_is_not_told_and_one_before_it_is(
    own_journal_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 7)
    records = histories(2, 120)
    put(own_journal_url, records)
    later = [r.position for r in records if r.originator_id == "uat"][20]
    travel = TimeTravel(database)

    async def looking() -> None:
        before = await travel.states(chronicle, STREAMS, later - 1)
        assert before == told(records, later - 1)
        for position in later, later + 20, LATEST:
            with pytest.raises(JournalUnavailable, match="newer version"):
                await travel.states(chronicle, STREAMS, position)
        others = [stream for stream in STREAMS if stream != "uat"]
        found = await travel.states(chronicle, others, LATEST)
        assert found == {s: told(records, len(records))[s] for s in others}

    with newer(own_journal_url, later):
        asyncio.run(looking())
    found = asyncio.run(travel.states(chronicle, STREAMS, LATEST))
    assert found == told(records, len(records)), "and nothing wrong was kept"


def test_whoever_makes_snapshots_ahead_comes_to_an_end(
    own_journal_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 7)
    records = histories(2, 120)
    put(own_journal_url, records)
    later = [r.position for r in records if r.originator_id == "uat"][20]
    travel, made = TimeTravel(database), list[int]()
    with newer(own_journal_url, later):
        while not made or made[-1]:
            made.append(asyncio.run(travel.keep(chronicle, ["uat"], 20)))
    assert made[0]


def test_whose_a_task_is_that_begins_with_it_is_for_owners_to_see(
    own_journal_url: str, database: Database
) -> None:
    submitter = Submitter("ci", Role.APPLICATION, "ci")
    submitted = TaskSubmitted(Order("check", {}), submitter, at(90))
    started = TaskStarted(1, "lease", "w-1", at(300))
    append(own_journal_url, [("tasks/a", submitted), ("tasks/a", started)])
    ci = Actor("ci", Role.APPLICATION, "ci")

    def second() -> Found:
        read = EventsRead(database)
        [found] = asyncio.run(read.at([2], 10**6))
        return found

    with newer(own_journal_url, 1):
        assert second().whose == NOBODYS
        assert not may_see(ci, started, second().whose)
        assert may_see(OWNER, started, second().whose)
    assert may_see(ci, started, second().whose)
