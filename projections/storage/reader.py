"""Reads views as they are after everything that was appended before the question.

A client that writes and then reads sees its own write, through whichever process: a
view that is behind is brought up to date first, here if nobody else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, LiteralString, NamedTuple

from domain.errors import JournalUnavailable
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.threads import in_thread
from projections.view import View

PATIENCE_SECONDS = 4

SINCE_MAX = 10_000
# The last position of each stream that has changed; only the end, without a start or
# where the journal has come back with less.
SINCE: LiteralString = """
SELECT max(notification_id) AS position, originator_id AS stream
FROM (
    SELECT notification_id, originator_id FROM berth_events
    WHERE %(position)s >= 0 AND notification_id > %(position)s
    ORDER BY notification_id LIMIT %(limit)s
) AS news
GROUP BY originator_id
UNION ALL
SELECT * FROM (
    SELECT coalesce((
        SELECT notification_id FROM berth_events ORDER BY notification_id DESC LIMIT 1
    ), 0) AS position, NULL
) AS tip
WHERE %(position)s < 0 OR position < %(position)s
ORDER BY position
"""


class Rows(NamedTuple):
    """What was found, and the database's time when it was."""

    rows: Sequence[Mapping[str, Any]]
    at: datetime


class Reader:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = ViewStore(database)

    async def read(
        self,
        view: View,
        statement: LiteralString,
        values: Mapping[str, Any],
        *,
        prepare: bool = True,
    ) -> Rows:
        """Run `statement`; `JournalUnavailable` if the view cannot be made current.

        One that is not prepared is planned for what is asked and for today's sizes.
        """
        return await in_thread(self._read, view, statement, values, prepare)

    async def peek(
        self, statement: LiteralString, values: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        """Run `statement` on what the views say now; they may be a little behind."""
        return await in_thread(self._peek, statement, values)

    def _peek(
        self,
        statement: LiteralString,
        values: Mapping[str, Any],
        prepare: bool = True,
    ) -> Sequence[Mapping[str, Any]]:
        with self._database.cursor() as cursor:
            return cursor.execute(statement, values, prepare=prepare).fetchall()

    def _read(
        self,
        view: View,
        statement: LiteralString,
        values: Mapping[str, Any],
        prepare: bool,
    ) -> Rows:
        deadline = monotonic() + PATIENCE_SECONDS
        at, target, checkpoint = self._store.lag(view.name)
        while checkpoint < target:
            if monotonic() > deadline:
                behind = target - checkpoint
                raise JournalUnavailable(f"{view.name} is {behind} events behind")
            self._store.advance(view)
            checkpoint = self._store.lag(view.name).checkpoint
        return Rows(self._peek(statement, values, prepare), at)

    async def migrations(self) -> Sequence[str]:
        rows = await self.peek("SELECT name FROM migration", {})
        return [row["name"] for row in rows]

    async def streams_since(self, position: int) -> tuple[int, Sequence[str]]:
        """Where the journal ends, and the streams that have changed since `position`.

        A negative `position` asks for the end alone. Where the journal has come back
        with less, what has changed since is not known: it is the latest of all.
        """
        rows = await self.peek(SINCE, {"position": position, "limit": SINCE_MAX})
        if not rows:
            return position, []
        reached: int = rows[-1]["position"]
        if reached < position:
            return await self.streams_since(max(0, reached - SINCE_MAX))
        return reached, [row["stream"] for row in rows if row["stream"]]
