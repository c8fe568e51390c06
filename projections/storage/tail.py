"""Follows the journal and hands on what it reads, in order, each event at least once.

One process at a time does, by a session's advisory lock. PostgreSQL ends a session that
says nothing for `SILENCE_MS`, so whoever dies or freezes is followed by another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, LiteralString

from psycopg import Connection, Error
from psycopg.rows import DictRow

from domain.catalog import tag
from domain.errors import JournalUnavailable
from domain.event import Event
from domain.record import Recorded
from projections.storage.checkpoint import BATCH_BYTES_MAX
from projections.storage.database import Database
from projections.storage.failures import SILENT
from projections.storage.mapper import recorded_in
from projections.storage.migrate import ADVISORY_LOCK

SILENCE_MS = 3_000
# Must leave time for a look between two silences.
HAND_ON_SECONDS_MAX = 2.0
LOOK_EVERY_SECONDS = 0.5
FOLLOW_EVERY_SECONDS = 1.0
TRY_AGAIN_SECONDS = 0.25
BATCH_MAX = 1_000
MANY = 100  # So many at once, and more will come in a moment.
# Of those that are none of its business, it need not put on record each one it passed.
PASSED_OVER_MAX = 10_000

TAKE: LiteralString = "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS taken"
BEGIN: LiteralString = """
INSERT INTO tail (name, position) VALUES (%s, 0)
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING position
"""
# Positions have no gaps: up to the tip, there is nothing that could come later.
NEXT: LiteralString = """
WITH tip AS (
    SELECT coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS position
), news AS (
    SELECT originator_id, originator_version, notification_id, state,
        sum(octet_length(state)) OVER (ORDER BY notification_id)
            - octet_length(state) AS bytes_before
    FROM berth_events
    WHERE notification_id > %(after)s
        AND notification_id <= %(after)s::bigint + %(limit)s AND topic = ANY(%(topics)s)
)
SELECT tip.position AS tip, news.*
FROM tip LEFT JOIN news ON news.bytes_before < %(bytes)s
ORDER BY notification_id
"""
MOVE: LiteralString = "UPDATE tail SET position = %s WHERE name = %s"

# True once it has all been handed on; False: not just now, ask again in a moment.
HandOn = Callable[[Sequence[Recorded]], Awaitable[bool]]
Topics = Callable[[], Sequence[str]]


class Tail:
    """`hand_on` is given the `events` of the journal; its place moves afterwards.

    Where `events` is a function, it is asked before each batch; and a batch ends after
    one of `turns`: what is of interest from there on may be something else. After a
    batch of `MANY` it pauses, so that where much happens, batches are few and large.
    `when_leading` is called before the first batch of each lead: another may have led
    since the last one, and what was known then is of the past.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        events: Collection[type[Event]] | Topics,
        hand_on: HandOn,
        *,
        turns: Collection[type[Event]] = (),
        pause_seconds: float = 0,
        when_leading: Callable[[], None] = lambda: None,
    ) -> None:
        self.is_leading = False
        self._database = database
        self._name = name
        self._topics = events if callable(events) else _always(events)
        self._hand_on = hand_on
        self._turns = frozenset(turns)
        self._pause_seconds = pause_seconds
        self._when_leading = when_leading
        self._nudged = asyncio.Event()
        self._position = self._stored = 0
        self._is_to_move = False
        self._window = BATCH_MAX
        self._back_to: int | None = None

    @property
    def position(self) -> int:
        """All up to here has been handed on."""
        return self._position

    def rewind(self, position: int) -> None:
        """What came after `position` was lost: hand it on once more."""
        self._back_to = position
        self.nudge()

    def nudge(self) -> None:
        """Something was appended: look at once."""
        self._nudged.set()

    async def run(self) -> int:
        """Wait for the lead, then follow the journal until cancelled.

        `JournalUnavailable` when the session was lost, and the lead with it.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(self._open))
        try:
            connection = await asyncio.shield(opening)
            while not await asyncio.to_thread(self._lead, connection):  # noqa: ASYNC110
                # Whatever is appended meanwhile is the leader's to look at.
                await asyncio.sleep(FOLLOW_EVERY_SECONDS)
            self._when_leading()
            self.is_leading = True
            while True:
                await self._follow(connection)
        except Error as error:
            raise JournalUnavailable(SILENT) from error
        finally:
            self.is_leading = False
            with suppress(Error):
                (await opening).close()

    async def _follow(self, connection: Connection[DictRow]) -> None:
        """One step: what is new, if anything is; else wait for it."""
        self._nudged.clear()
        if self._back_to is not None:
            self._position, self._back_to = self._back_to, None
        tip, upto, records = await asyncio.to_thread(self._go_on, connection)
        if records and not await self._hand_on_in_time(records):
            # What was too much at once comes again as a whole: so less of it.
            self._window = max(1, self._window // 2)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            return
        self._window = min(BATCH_MAX, self._window * 2)
        self._position = upto
        if records or upto - self._stored >= PASSED_OVER_MAX:
            self._is_to_move = True
        if upto == tip and len(records) >= MANY:
            await asyncio.sleep(self._pause_seconds)
        if upto < tip or self._nudged.is_set():
            return  # There is more: its place moves on the way.
        if self._is_to_move:
            await asyncio.to_thread(self._move, connection)
        await self._rest(LOOK_EVERY_SECONDS)

    async def _hand_on_in_time(self, records: Sequence[Recorded]) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(HAND_ON_SECONDS_MAX):
                return await self._hand_on(records)
        return False

    async def _rest(self, seconds: float) -> None:
        """Until there is something to do, or so long."""
        with suppress(TimeoutError):
            # Not `wait_for`, which until Python 3.12 may miss that it is cancelled.
            async with asyncio.timeout(seconds):
                await self._nudged.wait()

    def _open(self) -> Connection[DictRow]:
        connection = self._database.connect()
        connection.execute(f"SET idle_session_timeout = {SILENCE_MS}")
        return connection

    def _lead(self, connection: Connection[DictRow]) -> bool:
        found = connection.execute(TAKE, [ADVISORY_LOCK, self._name]).fetchone()
        if found is None or not found["taken"]:
            return False
        row = connection.execute(BEGIN, [self._name]).fetchone()
        assert row is not None
        self._position = self._stored = row["position"]
        return True

    def _go_on(
        self, connection: Connection[DictRow]
    ) -> tuple[int, int, Sequence[Recorded]]:
        if self._is_to_move:
            self._move(connection)
        return self._read(connection)

    def _read(
        self, connection: Connection[DictRow]
    ) -> tuple[int, int, Sequence[Recorded]]:
        """Where the journal ends, up to where this looked, and what it found."""
        values: dict[str, Any] = {
            "after": self._position,
            "limit": self._window,
            "topics": self._topics(),
            "bytes": BATCH_BYTES_MAX,
        }
        rows = connection.execute(NEXT, values, prepare=True).fetchall()
        tip: int = rows[0]["tip"]
        upto = min(tip, self._position + self._window)
        if sum(len(row["state"] or b"") for row in rows) >= BATCH_BYTES_MAX:
            upto = rows[-1]["notification_id"]
        people = self._database.subjects
        rows = [row for row in rows if row["state"] is not None]
        found = [recorded_in(row, people) for row in rows]
        for number, record in enumerate(found, 1):
            if type(record.event) in self._turns:
                return tip, record.position, found[:number]
        return tip, upto, found

    def _move(self, connection: Connection[DictRow]) -> None:
        connection.execute(MOVE, [self._position, self._name], prepare=True)
        self._stored, self._is_to_move = self._position, False


def _always(events: Collection[type[Event]]) -> Topics:
    topics = [tag(event) for event in events]
    return lambda: topics
