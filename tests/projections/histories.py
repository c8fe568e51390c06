"""Histories at random: whatever comes of commands to a few environments."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import psycopg
from eventsourcing.persistence import JSONTranscoder

from domain.decider import Wait
from domain.environment.details import (
    RegisterEnvironment,
    RetireEnvironment,
    ReviseEnvironment,
)
from domain.environment.environment import Environment, environment
from domain.environment.events import EnvironmentRevised
from domain.environment.lock import AcquireLock, ReleaseLock, RenewLock, RequestLock
from domain.errors import DomainError
from domain.event import Event
from domain.record import Recorded, origin_of
from projections.storage.mapper import EventMapper
from tests.support.builders import OWNER, at, by, registered

STREAMS = ("uat", "sit", "prod")
INSERT = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
VALUES (%s, %s, %s, %s, %s)
"""


def some_command(chance: random.Random, ticket: str, *, is_new: bool) -> Any:
    actor = by(ticket)
    if is_new:
        return RequestLock(
            by=actor,
            ticket_id=ticket,
            lease_seconds=chance.randint(1, 9),
            max_wait_seconds=chance.randint(1, 20),
        )
    revised = EnvironmentRevised(branch=chance.choice("abc"))
    return chance.choice(
        [
            AcquireLock(by=actor, ticket_id=ticket),
            AcquireLock(by=actor, ticket_id=ticket),
            RenewLock(by=actor, ticket_id=ticket),
            ReleaseLock(by=actor, ticket_id=ticket),
            ReleaseLock(by=OWNER, ticket_id=ticket),
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
    for number in range(commands):
        now += chance.random()
        stream = chance.choice(STREAMS)
        there = [*states[stream].queue.tickets]
        is_new = not there or chance.random() < 0.4
        ticket = f"t{number}" if is_new else chance.choice(there[:3])
        ask(stream, some_command(chance, ticket, is_new=is_new), now)
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
