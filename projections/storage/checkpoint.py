"""Where each view has read up to, moved in the same transaction as its writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, LiteralString, NamedTuple

import msgspec
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import set_json_dumps

from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import recorded
from projections.storage.subject_keys import tally
from projections.storage.subjects import Subjects
from projections.view import NewRows, View, Write

BATCH_MAX = 1_000
# Of events as they are stored, and one more. A few results of tasks are as large as a
# thousand other events, and what a batch writes is one parameter, which has a limit.
BATCH_BYTES_MAX = 8 << 20

# The row's lock makes the projectors of one view take turns, in whatever processes.
# A plan made while a view was empty would read all of it for ever, however large it
# grows: during a turn, each statement is planned for the sizes of that moment.
FREE_TURNS: LiteralString = """
SELECT
    application_name AS name, notification_id AS checkpoint,
    set_config('plan_cache_mode', 'force_custom_plan', true)
FROM berth_tracking WHERE application_name = ANY(%s)
FOR UPDATE SKIP LOCKED
"""
MOVE: LiteralString = """
UPDATE berth_tracking SET notification_id = %s WHERE application_name = ANY(%s)
"""
TURN: LiteralString = """
INSERT INTO berth_tracking (application_name, notification_id) VALUES (%s, 0)
ON CONFLICT (application_name)
DO UPDATE SET application_name = excluded.application_name
RETURNING
    notification_id AS checkpoint,
    coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip,
    set_config('plan_cache_mode', 'force_custom_plan', true)
"""
NEXT: LiteralString = """
SELECT originator_id, originator_version, notification_id, state
FROM (
    SELECT originator_id, originator_version, notification_id, state,
        sum(octet_length(state)) OVER (ORDER BY notification_id)
            - octet_length(state) AS bytes_before
    FROM berth_events
    WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s)
) AS news
WHERE bytes_before < %s
ORDER BY notification_id
"""

LAG: LiteralString = """
SELECT
    clock_timestamp() AS now,
    coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip,
    coalesce((
        SELECT notification_id FROM berth_tracking WHERE application_name = %s
    ), 0) AS checkpoint
"""

CHECKPOINTS: LiteralString = """
SELECT
    name, coalesce(notification_id, 0) AS checkpoint,
    coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip
FROM unnest(%s::text[]) AS wanted (name)
LEFT JOIN berth_tracking ON application_name = name
"""

set_json_dumps(msgspec.json.encode)


class Lag(NamedTuple):
    """The journal's time and end, and how far a view has read."""

    at: datetime
    tip: int
    checkpoint: int


class Page(NamedTuple):
    """The events up to a position, of some topics.

    They name nobody who was erased among the first so many `erasures`.
    """

    upto: int
    records: Sequence[Recorded]
    erasures: int = 0


class ViewStore(PostgresTrackingRecorder):
    """Projects views, one batch a transaction, by anyone who needs them current."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, tracking_table_name="berth_tracking")
        self._subjects = database.subjects

    def lag(self, name: str) -> Lag:
        with self.datastore.cursor() as cursor:
            [row] = cursor.execute(LAG, [name], prepare=True)
            return Lag(row["now"], row["tip"], row["checkpoint"])

    def checkpoints(self, names: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        """The journal's end, and how far each of these views has read."""
        with self.datastore.cursor() as cursor:
            rows = cursor.execute(CHECKPOINTS, [names], prepare=True).fetchall()
        return rows[0]["tip"], {row["name"]: row["checkpoint"] for row in rows}

    def news(self, views: Collection[View], after: int, tip: int) -> Page:
        """The next events that any of `views` shows."""
        topics = sorted({topic for view in views for topic in view.topics})
        upto = min(after + BATCH_MAX, tip)
        with self.datastore.cursor() as cursor:
            known = self.noticed(cursor)
            page = read(cursor.connection, topics, after, upto, self._subjects)
        return page._replace(erasures=known)

    def follow(self, views: Collection[View], after: int, news: Page) -> set[str]:
        """Project of the `news` since `after` what each view has not read yet.

        All in one transaction: most of what a small batch costs is its own round trips.
        Returns the names of those that have read the news. Whom somebody else is moving
        just now is not among them, and neither is anybody if the news may name a person
        who was erased since.
        """
        names = [view.name for view in views]
        with self.datastore.transaction(commit=True) as cursor:
            rows = cursor.execute(FREE_TURNS, [names], prepare=True).fetchall()
            known = {row["name"]: row["checkpoint"] for row in rows}
            if self.noticed(cursor) != news.erasures:
                return set()
            late = [v for v in views if after <= known.get(v.name, -1) < news.upto]
            for view in late:
                shown = view.shown(news.records, after=known[view.name])
                self._write(cursor, view.project(shown))
            moved = {view.name for view in late}
            cursor.execute(MOVE, [news.upto, [*moved]], prepare=True)
        return moved | {name for name, at in known.items() if at >= news.upto}

    def advance(self, view: View, limit: int = BATCH_MAX) -> int:
        """Project the next events of the journal; return how many there were."""
        with self.datastore.transaction(commit=True) as cursor:
            return self.advance_within(cursor, view.name, view, limit)

    def advance_within(
        self, cursor: Cursor[DictRow], name: str, view: View, limit: int
    ) -> int:
        checkpoint, tip = self.turn(cursor, name)
        upto = min(tip, checkpoint + limit)
        if upto <= checkpoint:
            return 0
        self.noticed(cursor)
        page = read(cursor.connection, view.topics, checkpoint, upto, self._subjects)
        self.write(cursor, name, page.upto, view.project(page.records))
        return page.upto - checkpoint

    def noticed(self, cursor: Cursor[DictRow]) -> int:
        """How many were erased by now: none of them is shown by what is read next."""
        found = tally(cursor)
        if self._subjects is not None:
            self._subjects.notice(found)
        return found.erasures

    def turn(self, cursor: Cursor[DictRow], name: str) -> tuple[int, int]:
        """Where the view has read up to, which nobody else moves, and the tip."""
        [row] = cursor.execute(TURN, [name], prepare=True)
        return row["checkpoint"], row["tip"]

    def write(
        self, cursor: Cursor[DictRow], name: str, upto: int, writes: Iterable[Write]
    ) -> None:
        """Whoever writes has the turn; with this, the view has read up to `upto`."""
        self._write(cursor, writes)
        self._insert_tracking(cursor, Tracking(name, upto))

    def _write(self, cursor: Cursor[DictRow], writes: Iterable[Write]) -> None:
        for target, rows in writes:
            if not rows:
                continue
            if isinstance(target, NewRows):
                _copy(cursor, target, rows)
            else:
                values = {"rows": msgspec.json.encode(rows).decode()}
                cursor.execute(target, values, prepare=True)


def read(
    connection: Connection[Any],
    topics: Collection[str],
    after: int,
    upto: int,
    subjects: Subjects | None,
) -> Page:
    """Less far than `upto` if that would be too many bytes.

    Positions have no gaps: up to the tip, there is nothing that could come later.
    """
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        values = (after, upto, [*topics], BATCH_BYTES_MAX)
        rows = cursor.execute(NEXT, values, prepare=True).fetchall()
    if sum(len(state) for _, _, _, state in rows) >= BATCH_BYTES_MAX:
        upto = rows[-1][2]
    return Page(upto, [recorded(*row, subjects=subjects) for row in rows])


def _copy(cursor: Cursor[DictRow], new: NewRows, rows: Sequence[Any]) -> None:
    with cursor.copy(_statement(new)) as copy:
        copy.set_types([*new.columns.values()])
        for row in rows:
            copy.write_row(row)


@cache
def _statement(new: NewRows) -> bytes:
    columns = SQL(", ").join(map(Identifier, new.columns))
    statement = SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")
    return statement.format(table=Identifier(new.table), columns=columns).as_bytes()
