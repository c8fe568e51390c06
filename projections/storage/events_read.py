"""Reads the journal in order, as a feed of it needs it: a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any, LiteralString, get_args

from msgspec import Struct

from domain.catalog import AnyEvent, tag
from domain.environment.events import EnvironmentEvent
from domain.errors import JournalUnavailable
from domain.outward.belonging import Belonging
from domain.outward.subject import ENVIRONMENT, kind_of
from domain.record import Recorded
from projections.storage.belongings import Belongings
from projections.storage.database import Database
from projections.storage.installation import installation_id
from projections.storage.mapper import KNOWN, NEWER, recorded_in
from projections.storage.threads import in_thread

# How many positions one read looks at, whatever it finds there.
SCAN_MAX = 10_000

TIP: LiteralString = """
SELECT coalesce((
    SELECT notification_id FROM berth_events ORDER BY notification_id DESC LIMIT 1
), 0) AS position
"""
EXISTS: LiteralString = "SELECT FROM berth_events WHERE originator_id = %s LIMIT 1"
# What is about an environment but not in its stream names it in its own text.
ELSEWHERE = [
    tag(event_type)
    for event_type in get_args(AnyEvent)
    if kind_of(event_type) == ENVIRONMENT
    and event_type not in get_args(EnvironmentEvent)
]
PIECE: LiteralString = """
SELECT * FROM (
    SELECT found.*, sum(octet_length(state)) OVER (ORDER BY notification_id) AS bytes
    FROM (
        SELECT originator_id, originator_version, notification_id, topic, state
        FROM berth_events
        WHERE notification_id > %(after)s AND notification_id <= %(until)s
            AND (%(topics)s::text[] IS NULL OR topic = ANY(%(topics)s)
                OR topic <> ALL(%(known)s))
            AND (%(about)s::text IS NULL OR originator_id = %(about)s
                OR (topic = ANY(%(elsewhere)s) OR topic <> ALL(%(known)s))
                AND position(convert_to(%(about)s, 'UTF8') IN state) > 0)
        ORDER BY notification_id LIMIT %(limit)s
    ) AS found
) AS piece
WHERE bytes - octet_length(state) < %(bytes_max)s
ORDER BY notification_id
"""
AT: LiteralString = """
SELECT * FROM (
    SELECT found.*, sum(octet_length(state)) OVER (ORDER BY notification_id) AS bytes
    FROM (
        SELECT originator_id, originator_version, notification_id, topic, state
        FROM berth_events WHERE notification_id = ANY(%(positions)s)
    ) AS found
) AS piece
WHERE bytes - octet_length(state) < %(bytes_max)s
ORDER BY notification_id
"""


class Found(Struct, frozen=True):
    """An event, whose it is, and how long it is in the journal."""

    record: Recorded
    whose: Belonging
    bytes: int


class Piece(Struct, frozen=True):
    """What was found in the positions after one asked for, and up to `until`.

    `tip` is where the journal ended. If it `is_cut`, what comes next only a newer
    version of Berth can tell, and nobody may be led past it.
    """

    until: int
    tip: int
    found: Sequence[Found] = ()
    is_cut: bool = False


class EventsRead:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._belongings = Belongings(database)

    async def installation(self) -> str:
        return await installation_id(self._database)

    async def tip(self) -> int:
        """The position of the journal's last event; 0 while there is none."""
        return await in_thread(self._tip)

    async def after(
        self,
        position: int,
        *,
        limit: int,
        bytes_max: int,
        topics: Collection[str] | None = None,
        about: str | None = None,
    ) -> Piece:
        """At most `limit` events, and no more once they are `bytes_max` long.

        `topics` leave out the others; `about`, an environment's id, at least most of
        those that are not about it.
        """
        values = {
            "after": position,
            "limit": limit,
            "bytes_max": bytes_max,
            "topics": None if topics is None else sorted(topics),
            "about": about,
            "elsewhere": ELSEWHERE,
            "known": [*KNOWN],
        }
        return await in_thread(self._after, values)

    async def at(self, positions: Sequence[int], bytes_max: int) -> Sequence[Found]:
        """The events at these positions, in order, until `bytes_max` are together.

        It ends before one that only a newer version of Berth can tell;
        `JournalUnavailable` if that is the first.
        """
        values = {"positions": [*positions], "bytes_max": bytes_max}
        return await in_thread(self._at, values)

    async def knows(self, stream: str) -> bool:
        """Whether anything ever happened there."""
        return await in_thread(self._knows, stream)

    def _knows(self, stream: str) -> bool:
        with self._database.cursor() as cursor:
            return cursor.execute(EXISTS, [stream], prepare=True).fetchone() is not None

    def _tip(self) -> int:
        with self._database.cursor() as cursor:
            row = cursor.execute(TIP, prepare=True).fetchone()
        assert row is not None
        position: int = row["position"]
        return position

    def _after(self, values: dict[str, Any]) -> Piece:
        # Positions have no gaps: up to the tip, there is nothing that could come later.
        position, tip = values["after"], self._tip()
        if position >= tip:
            return Piece(position, tip)
        until = min(position + SCAN_MAX, tip)
        with self._database.cursor() as cursor:
            # Planned for what is asked: the filters make all the difference.
            cursor.execute(PIECE, values | {"until": until}, prepare=False)
            rows = cursor.fetchall()
        told = _told(rows)
        if len(told) < len(rows):
            until = rows[len(told)]["notification_id"] - 1
            return Piece(until, tip, self._found(told), is_cut=True)
        is_full = len(rows) == values["limit"]
        if rows and (is_full or rows[-1]["bytes"] >= values["bytes_max"]):
            until = rows[-1]["notification_id"]
        return Piece(until, tip, self._found(rows))

    def _at(self, values: dict[str, Any]) -> Sequence[Found]:
        with self._database.cursor() as cursor:
            rows = cursor.execute(AT, values, prepare=False).fetchall()
        told = _told(rows)
        if rows and not told:
            raise JournalUnavailable(NEWER)
        return self._found(told)

    def _found(self, rows: Sequence[dict[str, Any]]) -> Sequence[Found]:
        records = [recorded_in(row, self._database.subjects) for row in rows]
        sizes = [len(row["state"]) for row in rows]
        return [*map(Found, records, self._belongings.of(records), sizes)]


def _told(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Those before the first that only a newer version of Berth can read."""
    return [*takewhile(lambda row: row["topic"] in KNOWN, rows)]
