"""The journal's table: read through the eventsourcing library, appended to in our way.

The library's recorder gives each append a transaction of its own and takes positions
from a sequence. Here a batch reads and decides under the lock before it inserts, and
a position is the one before and one: a rolled back append leaves no hole, so whoever
counts can prove to have missed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

import msgspec
import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.pq.abc import PGresult

from domain.errors import JournalUnavailable
from domain.record import Recorded
from projections.storage.binary import Row, bigint, bigints, byteas, rows_of, texts
from projections.storage.database import Database
from projections.storage.failures import unconnected
from projections.storage.mapper import recorded
from projections.storage.threads import in_thread
from projections.storage.uuid7 import EPOCH, MICROSECOND
from projections.storage.wire import Ask, Wire

LATE_US_MAX = 250_000
ALL = 1_000_000_000

# The database's own time in us, and where the journal ends; 0 and nothing when empty.
TIP: LiteralString = """
SELECT
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    coalesce(last.notification_id, 0) AS position,
    coalesce(last.state, '') AS state
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (
    SELECT notification_id, state FROM berth_events
    ORDER BY notification_id DESC LIMIT 1
) AS last ON true
"""
STATEMENTS: dict[str, LiteralString] = {
    # Statistics from when the table was empty make PostgreSQL settle on reading all of
    # it, however large it grows. This is the appending connection's only.
    "by_index": "SET enable_seqscan = off",
    "begin": "BEGIN",
    # No other append runs until this one ends: see the library's `_lock_table` for why.
    "lock": "LOCK TABLE berth_events IN EXCLUSIVE MODE",
    "tip": TIP,
    # The LATERAL with its LIMIT keeps PostgreSQL on the primary key, whatever the
    # statistics say; a plain join was seen to scan the whole log.
    "news": """
        SELECT news.*
        FROM unnest($1::text[], $2::bigint[]) AS known (stream, version),
        LATERAL (
            SELECT originator_id, originator_version, notification_id, state
            FROM berth_events
            WHERE originator_id = known.stream AND originator_version > known.version
            ORDER BY originator_version LIMIT $3::bigint
        ) AS news
    """,
    # The same in one round trip, for those who have decided already what to append: if
    # the journal still ends where they think, and it is as late as they think.
    "append_if": """
        WITH tip AS MATERIALIZED (
            SELECT
                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
                coalesce((
                    SELECT notification_id FROM berth_events
                    ORDER BY notification_id DESC LIMIT 1
                ), 0) AS position
        ), verdict AS MATERIALIZED (
            SELECT now, position = $1::bigint AND now - $2::bigint BETWEEN 0 AND
                $3::bigint AS is_right
            FROM tip
        ), added AS (
            INSERT INTO berth_events
                (originator_id, originator_version, topic, state, notification_id)
            SELECT stream, version, topic, new.state, $1::bigint + ordinal
            FROM verdict, unnest($4::text[], $5::bigint[], $6::text[], $7::bytea[])
                WITH ORDINALITY AS new (stream, version, topic, state, ordinal)
            WHERE is_right
        )
        SELECT now, is_right::int::bigint FROM verdict
    """,
    "append": """
        INSERT INTO berth_events
            (originator_id, originator_version, topic, state, notification_id)
        SELECT stream, version, topic, state, $1::bigint + ordinal
        FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bytea[])
            WITH ORDINALITY AS new (stream, version, topic, state, ordinal)
    """,
    "find_snapshots": """
        SELECT stream, version, state,
            coalesce((SELECT max(id) FROM subject_key), 0) FROM snapshot
        JOIN unnest($1::text[], $2::text[]) AS its (stream, shape) USING (stream, shape)
    """,
    "keep_snapshots": """
        INSERT INTO snapshot (stream, version, shape, state)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
        WHERE coalesce((SELECT number FROM erasure), 0) <= $5::bigint
        ON CONFLICT (stream) DO UPDATE SET
            version = excluded.version, shape = excluded.shape, state = excluded.state
    """,
    "commit": "COMMIT",
}


class _At(msgspec.Struct):
    at: datetime


class _Dated(msgspec.Struct):
    origin: _At


_date_of = msgspec.json.Decoder(_Dated).decode


class Tip(NamedTuple):
    """Where the journal ends, and its time: never before its last event."""

    position: int
    at: datetime


class Snapshot(NamedTuple):
    """A folded stream. `shape` tells whether today's code can read `state`."""

    stream: str
    version: int
    shape: str
    state: bytes


BEGIN = (Ask("begin"), Ask("lock"))


class Recorder:
    """One connection that appends. It is opened when first needed, or again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subjects = database.subjects
        self._wire: Wire | None = None

    async def open(self) -> None:
        """Be ready to append; whatever was begun and not committed is undone."""
        if not self.is_open:
            self._wire = Wire(await self._database.connect_async())
            await self._wire.prepare(STATEMENTS)
            await self._ask(Ask("by_index"))

    @property
    def is_open(self) -> bool:
        return self._wire is not None and self._wire.is_open

    @property
    def is_lost(self) -> bool:
        """The connection broke, and not just what was asked of it."""
        return self._wire is not None and not self._wire.is_open

    def close(self) -> None:
        """Whatever was not committed is undone by the database."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def lose_if_silent(self) -> None:
        if self._wire is not None:
            self._wire.lose_if_silent()

    def first_tip(self) -> Tip:
        """Where the journal ends; `JournalUnavailable` if the database is not there."""
        try:
            with self._database.connect() as connection:
                [row] = connection.execute(TIP)
        except psycopg.OperationalError as error:
            raise JournalUnavailable(unconnected(error)) from error
        return _tip(row["now"], row["position"], row["state"])

    async def begin(
        self, versions: Mapping[str, int], most: int = ALL
    ) -> tuple[Tip, Sequence[Recorded]]:
        """Begin an append, until whose end there is no other; what is new there."""
        asks = [*BEGIN, Ask("tip")]
        if versions:
            asks.append(_news(versions, most))
        _, _, tip, *news = await self._ask(*asks)
        [row] = rows_of(tip)
        events = await self._events([row for found in news for row in rows_of(found)])
        return _tip(row.bigint(0), row.bigint(1), row.bytea(2)), events

    async def append_if(
        self, after: int, at: datetime, events: Sequence[StoredEvent]
    ) -> datetime | None:
        """Lock, insert and commit, if the journal ends `after`, and it is about `at`.

        The database's time then; None if it was otherwise, and nothing has happened.
        """
        values = (
            bigint(after),
            bigint(_us(at)),
            bigint(LATE_US_MAX),
            *_columns(events),
        )
        commit = Ask("commit")
        _, _, found, _ = await self._ask(*BEGIN, Ask("append_if", values), commit)
        [row] = rows_of(found)
        return EPOCH + timedelta(microseconds=row.bigint(0)) if row.bigint(1) else None

    async def news(
        self, versions: Mapping[str, int], *, limit: int
    ) -> Sequence[Recorded]:
        """Up to `limit` events of each stream after the version given."""
        [found] = await self._ask(_news(versions, limit))
        return await self._events([*rows_of(found)])

    async def find_snapshots(self, shapes: Mapping[str, str]) -> Sequence[Snapshot]:
        """The snapshots of these streams which still have the shape given."""
        values = (texts(shapes), texts(shapes.values()))
        [found] = await self._ask(Ask("find_snapshots", values))
        rows = [*rows_of(found)]
        if rows and self._subjects:  # They may name people.
            self._subjects.notice_key(rows[0].bigint(3))
        return [
            Snapshot(row.text(0), row.bigint(1), shapes[row.text(0)], row.bytea(2))
            for row in rows
        ]

    async def end(
        self,
        after: int,
        events: Sequence[StoredEvent],
        snapshots: Sequence[Snapshot] = (),
        erasures: int = 0,
    ) -> None:
        """Insert `events` at the positions that follow `after`, and commit.

        The `snapshots` were made when so many `erasures` were known: if there have been
        more, they may tell of somebody who was erased, and are dropped.
        """
        asks = [Ask("commit")]
        if snapshots:
            streams, versions, shapes, states = zip(*snapshots, strict=True)
            kept = (texts(streams), bigints(versions), texts(shapes), byteas(states))
            asks.insert(0, Ask("keep_snapshots", (*kept, bigint(erasures))))
        if events:
            asks.insert(0, Ask("append", (bigint(after), *_columns(events))))
        await self._ask(*asks)

    async def _events(self, rows: Sequence[Row]) -> Sequence[Recorded]:
        """What people's keys are needed for them is fetched beside the event loop."""
        subjects = self._subjects
        if subjects and (lacking := subjects.lacking(row.bytea(3) for row in rows)):
            await in_thread(subjects.load, lacking)
        return [
            recorded(
                row.text(0),
                row.bigint(1),
                row.bigint(2),
                row.bytea(3),
                subjects=self._subjects,
            )
            for row in rows
        ]

    async def _ask(self, *asks: Ask) -> list[PGresult]:
        assert self._wire is not None
        return await self._wire.ask(*asks)


def _news(versions: Mapping[str, int], limit: int) -> Ask:
    values = (texts(versions), bigints(versions.values()), bigint(limit))
    return Ask("news", values)


def _columns(events: Sequence[StoredEvent]) -> Sequence[bytes]:
    return (
        texts(str(event.originator_id) for event in events),
        bigints(event.originator_version for event in events),
        texts(event.topic for event in events),
        byteas(event.state for event in events),
    )


def _us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _tip(now_us: int, position: int, state: bytes) -> Tip:
    now = EPOCH + timedelta(microseconds=now_us)
    if not position:
        return Tip(0, now)
    return Tip(position, max(now, _date_of(state).origin.at))
