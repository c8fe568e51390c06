"""The past is what the records come to, whatever was kept of it before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace as with_field
from datetime import timedelta

import psycopg
import pytest
from msgspec.structs import replace

from domain.environment.chronicle import Chronicle, chronicle
from domain.fold import PastNotFolded
from domain.record import Recorded
from projections.storage import time_travel
from projections.storage.database import Database
from projections.storage.instants import first_since, moment_of
from projections.storage.time_travel import LATEST, TimeTravel
from tests.projections.histories import STREAMS, histories, put
from tests.support.builders import at

EVERY = 7


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def told(records: Sequence[Recorded], position: int) -> dict[str, Chronicle]:
    """One record after the other, from the first on."""
    found: dict[str, Chronicle] = {}
    for record in records[:position]:
        before = found.get(record.originator_id, chronicle.initial)
        found[record.originator_id] = chronicle.follow(before, record)
    return found


def kept(database: Database) -> int:
    with database.cursor() as cursor:
        row = cursor.execute("SELECT count(*) AS n FROM history_snapshot").fetchone()
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize("seed", range(4))
def test_a_state_is_what_its_records_come_to_with_whatever_snapshots(
    own_journal_url: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", EVERY)
    monkeypatch.setattr(time_travel, "PAGE", 11)
    records = histories(seed, 250)
    put(own_journal_url, records)
    travel, chance = TimeTravel(database), random.Random(seed)

    async def looking() -> None:
        for position in chance.sample(range(len(records) + 2), 60):
            found = await travel.states(chronicle, STREAMS, position)
            assert found == told(records, position)
            if chance.random() < 0.1:
                await travel.keep(chronicle, STREAMS, chance.randint(1, 40))
        renamed = with_field(chronicle, revision="of another version")
        await travel.states(renamed, STREAMS, len(records) // 2)
        await travel.forget_others([renamed])
        assert await travel.states(chronicle, STREAMS, LATEST) == told(
            records, len(records)
        )

    asyncio.run(looking())
    assert kept(database) > len(records) // EVERY // 2


def test_what_is_too_long_at_once_is_folded_in_several_goes(
    own_journal_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "EVENTS_MAX", 30)
    monkeypatch.setattr(time_travel, "PAGE", 10)
    records = histories(1, 200)
    put(own_journal_url, records)
    travel = TimeTravel(database)

    async def looking() -> int:
        for refusals in range(len(records)):
            try:
                found = await travel.states(chronicle, STREAMS, LATEST)
            except PastNotFolded:
                continue
            assert found == told(records, len(records))
            return refusals
        return len(records)

    assert 1 < asyncio.run(looking()) <= len(records) // 30 + 1


def test_a_position_is_found_by_time(own_journal_url: str, database: Database) -> None:
    records = histories(3, 120)
    put(own_journal_url, records)
    times = [record.origin.at for record in records]
    moments = [
        *times,
        *(time + timedelta(microseconds=1) for time in times),
        at(-1),
        times[-1] + timedelta(days=1),
    ]

    async def looking() -> None:
        for instant in moments:
            moment = await moment_of(database, instant)
            assert moment.position == sum(time <= instant for time in times)
            assert moment.first == times[0]
            before = sum(time < instant for time in times)
            assert await first_since(database, instant) == before + 1

    asyncio.run(looking())


def test_it_is_no_earlier_than_the_last_event(
    own_journal_url: str, database: Database
) -> None:
    """A database's clock may go back, as to a standby's; the journal's does not."""
    ahead = timedelta(days=3_650)
    records = [
        replace(record, origin=replace(record.origin, at=record.origin.at + ahead))
        for record in histories(3, 20)
    ]
    put(own_journal_url, records)
    last = records[-1].origin.at
    moment = asyncio.run(moment_of(database, last))
    assert (moment.position, moment.now) == (len(records), last)


def test_where_events_were_removed_a_position_is_found_all_the_same(
    own_journal_url: str, database: Database
) -> None:
    """Whoever looks at a journal that was tampered with may well ask by time."""
    records = histories(3, 120)
    put(own_journal_url, records)
    gone = {*range(1, 5), *range(30, 61)}
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(
            "DELETE FROM berth_events WHERE notification_id = ANY(%s)", [[*gone]]
        )
    for record in records:
        if record.position in gone:
            continue
        moment = asyncio.run(moment_of(database, record.origin.at))
        left = [r for r in records if r.origin.at <= record.origin.at]
        assert moment.position >= left[-1].position
        assert not {*range(left[-1].position + 1, moment.position + 1)} - gone


def test_in_an_empty_journal_there_is_no_first_instant(database: Database) -> None:
    moment = asyncio.run(moment_of(database, at(0)))
    assert (moment.position, moment.first) == (0, None)
