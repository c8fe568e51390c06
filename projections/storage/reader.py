"""Reads views as they are after everything that was appended before the question.

A client that writes and then reads sees its own write, through whichever process: a
view that is behind is brought up to date first, here if nobody else does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, LiteralString, NamedTuple

from eventsourcing.persistence import PersistenceError

from domain.errors import JournalUnavailable
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.view import View

PATIENCE_SECONDS = 4

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


class Rows(NamedTuple):
    """What was found, and the database's time when it was."""

    rows: Sequence[Mapping[str, Any]]
    at: datetime


class Reader:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = ViewStore(database)

    async def read(
        self, view: View, statement: LiteralString, values: Mapping[str, Any]
    ) -> Rows:
        """Run `statement`; `JournalUnavailable` if the view cannot be made current."""
        try:
            return await asyncio.to_thread(self._read, view, statement, values)
        except PersistenceError as error:
            raise JournalUnavailable("the database did not answer") from error

    def _read(
        self, view: View, statement: LiteralString, values: Mapping[str, Any]
    ) -> Rows:
        deadline = monotonic() + PATIENCE_SECONDS
        lag = self._lag(view)
        at, target, checkpoint = lag["now"], lag["tip"], lag["checkpoint"]
        while checkpoint < target:
            if monotonic() > deadline:
                behind = target - checkpoint
                raise JournalUnavailable(f"{view.name} is {behind} events behind")
            self._store.advance(view.name, view.project)
            checkpoint = self._lag(view)["checkpoint"]
        with self._database.cursor() as cursor:
            rows = cursor.execute(statement, values, prepare=True).fetchall()
        return Rows(rows, at)

    def _lag(self, view: View) -> Mapping[str, Any]:
        with self._database.cursor() as cursor:
            [lag] = cursor.execute(LAG, [view.name], prepare=True)
            return lag
