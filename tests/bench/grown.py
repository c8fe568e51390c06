"""A journal of a million events, such as years of lock cycles leave behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import LiteralString

import psycopg
from eventsourcing.persistence import JSONTranscoder, Notification
from msgspec.structs import replace
from psycopg.rows import DictRow, dict_row

from domain.clock import utc_now
from domain.decider import Wait
from domain.environment.environment import environment
from domain.environment.lock import AcquireLock, LockCommand, ReleaseLock, RequestLock
from domain.event import Actor
from domain.ids import new_ticket_id
from domain.record import Recorded, origin_of
from domain.roles import Role
from projections.rebuild import rebuild
from projections.storage.batch import Head
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.heads import snapshots_due
from projections.storage.mapper import EventMapper
from projections.storage.subjects import Subjects, subjects_of
from projections.storage.uuid7 import event_id
from projections.view import View
from projections.views import VIEWS
from tests.bench.installation import KEYS
from tests.bench.sealed import FORGET
from tests.support.journal_rows import TIDY, copy_rows, rows_of

EVENTS = 1_000_000
EVENTS_IN_ONE = 10_000
EVENTS_PER_CYCLE = 4
BETWEEN_COMMANDS = timedelta(seconds=3)
CI = Actor(
    id="ci@acme.example",
    role=Role.APPLICATION,
    request_id="8b0f0ff1-7f2b-4a27-8f2c-2f8f4a0b1d2e",
    ip="10.20.30.40",
    user_agent="curl/8.5.0",
)

KEEP: LiteralString = """
INSERT INTO snapshot (stream, version, shape, state) VALUES (%s, %s, %s, %s)
"""
DATE_BACK: LiteralString = """
UPDATE berth_events SET state = %s WHERE notification_id = %s
"""
PAST: LiteralString = """
SELECT originator_id, originator_version, topic, state, notification_id AS id
FROM berth_events ORDER BY notification_id
"""


def fill(url: str, ids: Sequence[str]) -> None:
    """Append lock cycles to the environments, until the journal has `EVENTS` events.

    The first environment gets `EVENTS_IN_ONE`; the others, the same number each. What
    the journal would have kept besides, the latest snapshots, is there as well.
    """
    subjects = subjects_of(url, KEYS)
    mapper = EventMapper(JSONTranscoder(), subjects)
    with closing(subjects), psycopg.connect(url, row_factory=dict_row) as connection:
        cursor = connection.cursor()
        cursor.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
        history = History(cursor, mapper, ids)
        history.date_back(cursor, subjects)
        cursor.execute(FORGET)  # The seal over those.
        copy_rows(cursor, rows_of(history.lock_cycles(), subjects))
        deciders = dict.fromkeys(ids, environment)
        cursor.executemany(KEEP, snapshots_due(history.heads, deciders))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TIDY)
        connection.execute("CHECKPOINT")


def make_current(url: str) -> None:
    """Rebuild the views that are behind, which is faster than to let them catch up."""
    database = Database(url, name="bench-views")
    store = ViewStore(database)
    behind = [view for view in VIEWS.values() if is_behind(store, view)]
    database.close()
    if behind:
        rebuild(url, KEYS, behind, lambda _: None)


def is_behind(store: ViewStore, view: View) -> bool:
    lag = store.lag(view.name)
    return lag.checkpoint < lag.tip


class History:
    """Decides commands as the journal would, one after the other, without the wait."""

    def __init__(
        self, cursor: psycopg.Cursor[DictRow], mapper: EventMapper, ids: Sequence[str]
    ) -> None:
        self.heads: dict[str, Head] = dict.fromkeys(ids, Head(0, environment.initial))
        self._position = 0
        self._before: list[Recorded] = []
        for row in cursor.execute(PAST):
            record = mapper.to_domain_event(Notification(**row))
            self._position = record.position
            self._before.append(record)
            if head := self.heads.get(record.originator_id):
                known = head.followed_by(record.event, environment)
                self.heads[record.originator_id] = known
        commands = (EVENTS - self._position) // EVENTS_PER_CYCLE * 3
        self._at = utc_now() - commands * BETWEEN_COMMANDS

    def date_back(self, cursor: psycopg.Cursor[DictRow], subjects: Subjects) -> None:
        """What was there before happened before, as in any journal."""
        dated = [
            replace(record, origin=replace(record.origin, at=self._at))
            for record in self._before
        ]
        for _, _, _, state, position in rows_of(dated, subjects):
            cursor.execute(DATE_BACK, [state, position])

    def lock_cycles(self) -> Iterator[Recorded]:
        first, *others = self.heads
        most = EVENTS_IN_ONE // EVENTS_PER_CYCLE
        each = (EVENTS - self._position - EVENTS_IN_ONE) // EVENTS_PER_CYCLE
        each //= len(others)
        for number in range(max(most, each)):
            if number < most:
                yield from self._lock_cycle(first)
            if number < each:
                for stream in others:
                    yield from self._lock_cycle(stream)

    def _lock_cycle(self, stream: str) -> Iterator[Recorded]:
        ticket_id = new_ticket_id()
        yield from self._execute(
            stream, RequestLock(by=CI, ticket_id=ticket_id, reason="Deploying")
        )
        yield from self._execute(stream, AcquireLock(by=CI, ticket_id=ticket_id))
        yield from self._execute(stream, ReleaseLock(by=CI, ticket_id=ticket_id))

    def _execute(self, stream: str, command: LockCommand) -> Iterator[Recorded]:
        self._at += BETWEEN_COMMANDS
        head, origin = self.heads[stream], origin_of(CI, self._at)
        decision = environment.decide(command, head.state, self._at)
        assert not isinstance(decision, Wait)
        for event in decision:
            head = head.followed_by(event, environment)
            self._position += 1
            yield Recorded(
                stream, head.version, self._position, event_id(self._at), event, origin
            )
        self.heads[stream] = head
