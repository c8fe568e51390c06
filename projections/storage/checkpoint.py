"""Where each view has read up to, moved in the same transaction as its writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import msgspec
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from psycopg import Cursor
from psycopg.rows import DictRow, tuple_row

from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import recorded

BATCH_MAX = 1_000

# The row's lock makes the projectors of one view take turns, in whatever processes.
TURN: LiteralString = """
INSERT INTO berth_tracking (application_name, notification_id) VALUES (%s, 0)
ON CONFLICT (application_name)
DO UPDATE SET application_name = excluded.application_name
RETURNING notification_id
"""
NEXT: LiteralString = """
SELECT originator_id, originator_version, notification_id, state
FROM berth_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
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


Project = Callable[[Sequence[Recorded]], Iterable[tuple[LiteralString, Sequence[Any]]]]


class Lag(NamedTuple):
    """The journal's time and end, and how far a view has read."""

    at: datetime
    tip: int
    checkpoint: int


class ViewStore(PostgresTrackingRecorder):
    """Projects views, one batch a transaction, by anyone who needs them current."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, tracking_table_name="berth_tracking")

    def lag(self, name: str) -> Lag:
        with self.datastore.cursor() as cursor:
            [row] = cursor.execute(LAG, [name], prepare=True)
            return Lag(row["now"], row["tip"], row["checkpoint"])

    def advance(self, name: str, project: Project, limit: int = BATCH_MAX) -> int:
        """Project the next events of the journal; return how many there were."""
        with self.datastore.transaction(commit=True) as cursor:
            return self.advance_within(cursor, name, project, limit)

    def advance_within(
        self, cursor: Cursor[DictRow], name: str, project: Project, limit: int
    ) -> int:
        [row] = cursor.execute(TURN, [name], prepare=True)
        records = self._next(cursor, row["notification_id"], limit)
        for statement, rows in project(records):
            if rows:
                values = {"rows": msgspec.json.encode(rows).decode()}
                cursor.execute(statement, values, prepare=True)
        if records:
            self._insert_tracking(cursor, Tracking(name, records[-1].position))
        return len(records)

    def _next(
        self, cursor: Cursor[DictRow], after: int, limit: int
    ) -> Sequence[Recorded]:
        with cursor.connection.cursor(row_factory=tuple_row) as rows:
            rows.execute(NEXT, (after, limit), prepare=True)
            return [recorded(*row) for row in rows.fetchall()]
