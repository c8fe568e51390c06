"""The journal's table: read through the eventsourcing library, appended to in our way.

The library's recorder gives each append a transaction of its own and takes positions
from a sequence. Here a batch reads and decides under the lock before it inserts, and
a position is the one before and one: a rolled back append leaves no hole, so whoever
counts can prove to have missed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import msgspec
import psycopg
from eventsourcing.persistence import Notification, StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import DictRow

from domain.errors import JournalUnavailable
from projections.storage.database import Database

# The database's own time, and where the journal ends. Statistics from when the table
# was empty make PostgreSQL settle on reading all of it, however large it grows; hence
# the setting, which is this connection's only.
PREPARE_TIP: LiteralString = """
SET enable_seqscan = off;
PREPARE tip AS
SELECT clock_timestamp() AS now, last.notification_id AS position, last.state
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (
    SELECT notification_id, state FROM berth_events
    ORDER BY notification_id DESC LIMIT 1
) AS last ON true
"""
TIP: LiteralString = "EXECUTE tip"

# No other append runs until this one ends: see the library's `_lock_table` for why.
# One round trip, since the whole server waits for it.
BEGIN: LiteralString = """
BEGIN; LOCK TABLE berth_events IN EXCLUSIVE MODE; EXECUTE tip
"""

# The LATERAL with its LIMIT keeps PostgreSQL on the primary key, whatever the
# statistics say; a plain join was seen to scan the whole log.
NEWS: LiteralString = """
SELECT news.*
FROM unnest(%s::text[], %s::bigint[]) AS known (stream, version),
LATERAL (
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM berth_events
    WHERE originator_id = known.stream AND originator_version > known.version
    ORDER BY originator_version LIMIT %s
) AS news
"""

APPEND: LiteralString = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
SELECT stream, version, topic, state, %b::bigint + ordinal
FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])
    WITH ORDINALITY AS new (stream, version, topic, state, ordinal)
"""


class _At(msgspec.Struct):
    at: datetime


class _Dated(msgspec.Struct):
    origin: _At


_date_of = msgspec.json.Decoder(_Dated).decode


class Tip(NamedTuple):
    """Where the journal ends, and its time: never before its last event."""

    position: int
    at: datetime


class Recorder:
    """One connection that appends. It is opened when first needed, or again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection[DictRow] | None = None

    def open(self) -> Cursor[DictRow]:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect()
            self._connection.execute(PREPARE_TIP)
        return self._connection.cursor()

    @property
    def is_lost(self) -> bool:
        """The connection broke, and not just what was asked of it."""
        return self._connection is not None and self._connection.broken

    def close(self) -> None:
        """Whatever was not committed is undone by the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def tip(self) -> Tip:
        """Where the journal ends; `JournalUnavailable` if the database is not there."""
        try:
            [row] = self.open().execute(TIP)
        except psycopg.OperationalError as error:
            raise JournalUnavailable("the database does not answer") from error
        return tip_of(row)

    def begin(self, cursor: Cursor[DictRow]) -> Tip:
        """Begin an append: from now on, and until its end, there is no other."""
        cursor.execute(BEGIN)
        while cursor.nextset():
            pass
        [row] = cursor.fetchall()
        return tip_of(row)

    def news(
        self, cursor: Cursor[DictRow], versions: Mapping[str, int], *, limit: int
    ) -> Sequence[Notification]:
        """Up to `limit` events of each stream after the version given."""
        values = (list(versions), list(versions.values()), limit)
        return [
            Notification(
                originator_id=row["originator_id"],
                originator_version=row["originator_version"],
                topic=row["topic"],
                state=row["state"],
                id=row["notification_id"],
            )
            for row in cursor.execute(NEWS, values, prepare=True)
        ]

    def append(
        self, cursor: Cursor[DictRow], after: int, events: Sequence[StoredEvent]
    ) -> None:
        """Insert `events` at the positions that follow `after`."""
        columns = (
            [event.originator_id for event in events],
            [event.originator_version for event in events],
            [event.topic for event in events],
            [event.state for event in events],
        )
        cursor.execute(APPEND, (after, *columns), prepare=True)

    def commit(self, cursor: Cursor[DictRow]) -> None:
        cursor.execute("COMMIT", prepare=False)


def tip_of(row: Mapping[str, Any]) -> Tip:
    if row["position"] is None:
        return Tip(0, row["now"])
    last = _date_of(row["state"]).origin.at
    return Tip(row["position"], max(row["now"], last))
