"""The past is what the records come to, whatever was kept of it before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace as with_field
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import JSONTranscoder

from domain.decider import Wait
from domain.environment.chronicle import Chronicle, chronicle
from domain.environment.details import (
    RegisterEnvironment,
    RetireEnvironment,
    ReviseEnvironment,
)
from domain.environment.environment import Environment, environment
from domain.environment.events import EnvironmentRevised
from domain.environment.lock import (
    AcquireLock,
    ReleaseLock,
    RenewLock,
    RequestLock,
)
from domain.errors import DomainError, JournalUnavailable
from domain.event import Event
from domain.record import Recorded, origin_of
from projections.storage import time_travel
from projections.storage.database import Database
from projections.storage.instants import first_since, moment_of
from projections.storage.mapper import EventMapper
from projections.storage.time_travel import LATEST, TimeTravel
from tests.support.builders import OWNER, at, by, registered

EVERY = 7
STREAMS = ("uat", "sit", "prod")
INSERT = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
VALUES (%s, %s, %s, %s, %s)
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def some_command(chance: random.Random, ticket: str) -> Any:
    actor = by(ticket)
    asked = RequestLock(
        by=actor,
        ticket_id=ticket,
        lease_seconds=chance.randint(1, 9),
        max_wait_seconds=chance.randint(1, 20),
    )
    revised = EnvironmentRevised(branch=chance.choice("abc"))
    return chance.choice(
        [
            asked,
            AcquireLock(by=actor, ticket_id=ticket),
            RenewLock(by=actor, ticket_id=ticket),
            ReleaseLock(by=actor, ticket_id=ticket),
            ReviseEnvironment(by=actor, revised=revised),
        ]
    )


def histories(seed: int, commands: int) -> list[Recorded]:
    """Of three environments: whatever comes of commands at random, some seconds apart.

    The last one is retired in the end.
    """
    chance, records = random.Random(seed), list[Recorded]()
    states = dict.fromkeys(STREAMS, Environment())
    versions = dict.fromkeys(STREAMS, 0)

    def happen(stream: str, events: Sequence[Event], actor: Any, now: float) -> None:
        for event in events:
            states[stream] = environment.evolve(states[stream], event)  # type: ignore[arg-type]
            versions[stream] += 1
            position = len(records) + 1
            origin = origin_of(actor, at(now))
            records.append(
                Recorded(
                    stream, versions[stream], position, f"{position}", event, origin
                )
            )

    def ask(stream: str, command: Any, now: float) -> None:
        lapsed = environment.lapse(states[stream], at(now))
        happen(stream, lapsed, OWNER, now)
        try:
            decided = environment.decide(command, states[stream], at(now))
        except DomainError:
            return
        if not isinstance(decided, Wait):
            happen(stream, decided, command.by, now)

    now = 0.0
    for name in STREAMS:
        ask(name, RegisterEnvironment(by=OWNER, registered=registered(name=name)), now)
    tickets = [f"t{n}" for n in range(commands)]
    for number in range(commands):
        now += chance.random()
        ticket = tickets[chance.randint(max(0, number - 12), number)]
        ask(chance.choice(STREAMS), some_command(chance, ticket), now)
    now += 1_000
    ask(STREAMS[-1], RetireEnvironment(by=OWNER), now)
    return records


def put(url: str, records: Sequence[Recorded]) -> None:
    mapper = EventMapper(JSONTranscoder())
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        stored = [(mapper.to_stored_event(record), record) for record in records]
        cursor.executemany(
            INSERT,
            [
                (
                    record.originator_id,
                    record.originator_version,
                    event.topic,
                    event.state,
                    record.position,
                )
                for event, record in stored
            ],
        )


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
            except JournalUnavailable:
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


def test_in_an_empty_journal_there_is_no_first_instant(database: Database) -> None:
    moment = asyncio.run(moment_of(database, at(0)))
    assert (moment.position, moment.first) == (0, None)
