"""Reads events of the journal again: at positions, of streams, or by their ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from domain.catalog import tag
from domain.errors import VaultClosed
from domain.event import Event
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.failures import ALTERED, UNDECODABLE
from projections.storage.instants import moment_in
from projections.storage.mapper import KNOWN, recorded_in
from projections.storage.threads import in_thread
from projections.storage.uuid7 import EPOCH

COLUMNS: LiteralString = "originator_id, originator_version, notification_id, state"
AT: LiteralString = f"""
SELECT {COLUMNS} FROM berth_events
WHERE notification_id = ANY(%(positions)s) AND topic = ANY(%(topics)s)
ORDER BY notification_id
"""  # noqa: S608 - names of ours
PIECE: LiteralString = f"""
SELECT * FROM (
    SELECT found.*, sum(octet_length(state)) OVER (ORDER BY notification_id)
        - octet_length(state) AS bytes_before
    FROM (
        SELECT {COLUMNS} FROM berth_events
        WHERE notification_id BETWEEN %(first)s AND %(last)s
            AND topic = ANY(%(topics)s)
        ORDER BY notification_id LIMIT %(limit)s
    ) AS found
) AS piece
WHERE bytes_before < %(bytes_max)s
ORDER BY notification_id
"""  # noqa: S608
OF: LiteralString = f"""
SELECT event.* FROM unnest(%(streams)s::text[]) AS wanted (stream), LATERAL (
    SELECT {COLUMNS} FROM berth_events
    WHERE originator_id = stream AND notification_id <= %(upto)s
        AND topic = ANY(%(topics)s)
    ORDER BY originator_version
) AS event
"""  # noqa: S608
WITH_ID: LiteralString = """
SELECT notification_id FROM berth_events
WHERE notification_id BETWEEN %(first)s AND %(last)s
    AND event_json(state)->>'id' = %(id)s
LIMIT 1
"""
LAST: LiteralString = """
SELECT coalesce(max(notification_id), 0) AS last FROM berth_events
"""
LOOKED_AT_ONCE = 10_000
PIECE_MAX = 1_000
PIECE_BYTES_MAX = 4 * 1024 * 1024
MILLISECOND = timedelta(milliseconds=1)
MILLISECONDS = 80  # below which a UUIDv7 has other bits
MILLISECONDS_MAX = 253_402_300_799_999  # of what `datetime` can tell


class Readable(NamedTuple):
    """Events by position; and why others, which are there, cannot be read here."""

    records: Mapping[int, Recorded]
    closed: Mapping[int, str]


class Past:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def at(self, positions: Collection[int]) -> Mapping[int, Recorded]:
        """By position; left out is what is beyond the end, and what only a newer
        version of Berth knows. `VaultClosed` if this process cannot open one of them.
        """
        found = await in_thread(self._read, AT, _at(positions))
        return {record.position: record for record in found}

    async def readable_at(self, positions: Collection[int]) -> Readable:
        """The same; one that cannot be opened keeps none of the others from it."""
        return await in_thread(self._readable, _at(positions))

    async def between(
        self, first: int, last: int, topics: Collection[str]
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Piece by piece, in order: all at once, they might be gigabytes."""
        while first <= last:
            values = {
                "first": first,
                "last": last,
                "topics": [*topics],
                "limit": PIECE_MAX,
                "bytes_max": PIECE_BYTES_MAX,
            }
            piece = await in_thread(self._read, PIECE, values)
            if not piece:
                return
            yield piece
            first = piece[-1].position + 1

    async def of(
        self,
        streams: Collection[str],
        events: Collection[type[Event]],
        upto: int = 2**62,
    ) -> Sequence[Recorded]:
        """Those of `streams` in the order of each, as it was at `upto`."""
        values = {
            "streams": [*streams],
            "topics": [tag(event) for event in events],
            "upto": upto,
        }
        return await in_thread(self._read, OF, values)

    async def tip(self) -> int:
        """The last position."""
        return await in_thread(self._last)

    async def find(self, event_id: str) -> int | None:
        """The position of the event with this id; None if there is none."""
        return await in_thread(self._find, event_id)

    def _find(self, event_id: str) -> int | None:
        """Ids tell their milliseconds, and those never go back within the journal."""
        milliseconds = UUID(event_id).int >> MILLISECONDS
        if milliseconds >= MILLISECONDS_MAX:
            return None
        since = EPOCH + timedelta(milliseconds=milliseconds)
        with self._database.cursor() as cursor:
            before = moment_in(cursor, since, inclusive=False)
            until = moment_in(cursor, since + MILLISECOND, inclusive=False)
            for first in range(before.position + 1, until.position + 1, LOOKED_AT_ONCE):
                last = min(until.position, first + LOOKED_AT_ONCE - 1)
                values = {"id": event_id, "first": first, "last": last}
                if row := cursor.execute(WITH_ID, values).fetchone():
                    position: int = row["notification_id"]
                    return position
        return None

    def _last(self) -> int:
        with self._database.cursor() as cursor:
            [row] = cursor.execute(LAST).fetchall()
        last: int = row["last"]
        return last

    def _read(self, query: LiteralString, values: Mapping[str, Any]) -> list[Recorded]:
        rows = self._rows(query, values)
        return [recorded_in(row, self._database.subjects) for row in rows]

    def _readable(self, values: Mapping[str, Any]) -> Readable:
        records: dict[int, Recorded] = {}
        closed: dict[int, str] = {}
        for row in self._rows(AT, values):
            position: int = row["notification_id"]
            try:
                records[position] = recorded_in(row, self._database.subjects)
            except VaultClosed as error:
                closed[position] = str(error)
            except UNDECODABLE:
                closed[position] = ALTERED
        return Readable(records, closed)

    def _rows(
        self, query: LiteralString, values: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        with self._database.cursor() as cursor:
            return cursor.execute(query, values).fetchall()


def _at(positions: Collection[int]) -> Mapping[str, Any]:
    return {"positions": [*positions], "topics": [*KNOWN]}
