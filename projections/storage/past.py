"""Reads events of the journal again: at positions, of streams, or by their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from domain.catalog import tag
from domain.environment.details import Details, evolve
from domain.environment.events import EnvironmentRegistered, EnvironmentRevised
from domain.event import Event
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import recorded
from projections.storage.threads import in_thread

COLUMNS: LiteralString = "originator_id, originator_version, notification_id, state"
AT: LiteralString = f"""
SELECT {COLUMNS} FROM berth_events
WHERE notification_id = ANY(%(positions)s) ORDER BY notification_id
"""  # noqa: S608 - names of ours
BETWEEN: LiteralString = f"""
SELECT {COLUMNS} FROM berth_events
WHERE notification_id BETWEEN %(first)s AND %(last)s AND topic = ANY(%(topics)s)
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
    AND convert_from(state, 'UTF8')::json->>'id' = %(id)s
LIMIT 1
"""
ENDS: LiteralString = """
SELECT coalesce(min(notification_id), 1) AS first,
    coalesce(max(notification_id), 0) AS last
FROM berth_events
"""
SAME_INSTANT_MAX = 10_000
DESCRIBING = (EnvironmentRegistered, EnvironmentRevised)
MILLISECONDS = 80  # below which a UUIDv7 has other bits


class Past:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def at(self, positions: Collection[int]) -> Mapping[int, Recorded]:
        """By position; what is beyond the end is left out."""
        found = await in_thread(self._read, AT, {"positions": [*positions]})
        return {record.position: record for record in found}

    async def between(
        self, first: int, last: int, topics: Collection[str]
    ) -> Sequence[Recorded]:
        values = {"first": first, "last": last, "topics": [*topics]}
        return await in_thread(self._read, BETWEEN, values)

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

    async def environments(
        self, ids: Collection[str], upto: int = 2**62
    ) -> Mapping[str, Details]:
        """How each was described at `upto`, also if it was deleted before."""
        known: dict[str, Details] = {}
        for record in await self.of(ids, DESCRIBING, upto):
            event, stream = record.event, record.originator_id
            assert isinstance(event, EnvironmentRegistered | EnvironmentRevised)
            if details := evolve(known.get(stream), event):
                known[stream] = details
        return known

    async def tip(self) -> int:
        """The last position."""
        return (await in_thread(self._ends))[1]

    async def find(self, event_id: str) -> int | None:
        """The position of the event with this id; None if there is none."""
        return await in_thread(self._find, event_id)

    def _find(self, event_id: str) -> int | None:
        """Ids tell their milliseconds, and those never go back within the journal."""
        wanted = UUID(event_id).int >> MILLISECONDS
        first, last = self._ends()
        while first < last:
            middle = (first + last) // 2
            [found] = self._read(AT, {"positions": [middle]})
            if UUID(found.id).int >> MILLISECONDS < wanted:
                first = middle + 1
            else:
                last = middle
        values = {"id": event_id, "first": first, "last": first + SAME_INSTANT_MAX}
        with self._database.cursor() as cursor:
            row = cursor.execute(WITH_ID, values).fetchone()
        return row["notification_id"] if row else None

    def _ends(self) -> tuple[int, int]:
        with self._database.cursor() as cursor:
            [row] = cursor.execute(ENDS).fetchall()
        return row["first"], row["last"]

    def _read(self, query: LiteralString, values: Mapping[str, Any]) -> list[Recorded]:
        with self._database.cursor() as cursor:
            rows = cursor.execute(query, values).fetchall()
        subjects = self._database.subjects
        return [recorded(*row.values(), subjects=subjects) for row in rows]
