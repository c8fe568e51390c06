"""Where what is over is kept: tasks, what they wrote, what was sent; a shelf a day.

A shelf is a partition, so that to drop what is old costs the same however much it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.threads import in_thread

DAYS_AHEAD = 2
VIEW = "task_board"

TODAY: LiteralString = "SELECT clock_timestamp()::date AS today"
MAKE: LiteralString = "SELECT make_shelf(%s, %s)"
KEEP: LiteralString = """
INSERT INTO kept_shelf AS known (kind, oldest) VALUES (%s, %s)
ON CONFLICT (kind) DO UPDATE SET oldest = excluded.oldest
WHERE known.oldest < excluded.oldest
"""
OLDEST: LiteralString = """
SELECT relname AS name
FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid
JOIN kept_shelf ON starts_with(relname, %(parent)s || '_' || kind || '_')
WHERE inhparent = format('public.%%I', %(parent)s::text)::regclass
    AND relname < %(parent)s || '_' || oldest
ORDER BY relname
LIMIT 1
"""
# Of these recurring tasks, no instance lies on any shelf any more.
FORGET: LiteralString = """
DELETE FROM schedule
WHERE state <> 'pending' AND ended_at < %s
"""
# Who reads tasks locks each of their shelves and its indexes.
LOCKS: LiteralString = """
SELECT setting::integer AS number FROM pg_settings
WHERE name = 'max_locks_per_transaction'
"""
# Whoever reads meanwhile must not wait for long, nor must others behind him.
BE_QUICK: LiteralString = "SET LOCAL lock_timeout = '1s'"


class Kind(StrEnum):
    """What lies there: how tasks ended, what they wrote, what was sent to webhooks."""

    COMPLETED = "completed"
    FAILED = "failed"
    LOG = "log"
    SENT = "sent"


PARENTS = {
    Kind.COMPLETED: "ended_task",
    Kind.FAILED: "ended_task",
    Kind.LOG: "task_log",
    Kind.SENT: "webhook_attempt",
}
ENDS = (Kind.COMPLETED, Kind.FAILED)


def shelf_of(kind: str, day: date) -> str:
    """The table of one day: `<kind>_20260131`."""
    return f"{kind}_{day:%Y%m%d}"


class Shelves:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = ViewStore(database)

    async def keep(self, days: Mapping[Kind, int]) -> int:
        """Make the shelves of the next days; drop those more than `days` old.

        Returns how many were dropped. What is dropped once does not come back, not even
        when the view is built anew or more is to be kept from now on. Recurring tasks
        go when the last of what they fired has gone.
        """
        await in_thread(self._prepare, days)
        number = 0
        for parent in sorted({*PARENTS.values()}):
            while await in_thread(self._drop_oldest, parent):
                number += 1
        return number

    async def room(self) -> int:
        """How many days of tasks PostgreSQL has locks for, when some dozens read them.

        Beyond that it has none left for whatever else is asked of it, either.
        """
        return await in_thread(self._room)

    def _room(self) -> int:
        with self._database.cursor() as cursor:
            [row] = cursor.execute(LOCKS).fetchall()
        number: int = row["number"]
        return number

    def _prepare(self, days: Mapping[Kind, int]) -> None:
        with self._database.transaction(commit=True) as cursor:
            [found] = cursor.execute(TODAY).fetchall()
            today: date = found["today"]
            for kind, parent in PARENTS.items():
                for ahead in range(DAYS_AHEAD):
                    shelf = shelf_of(kind, today + timedelta(days=ahead))
                    cursor.execute(MAKE, [parent, shelf])
            ends = [days[kind] for kind in ENDS if kind in days]
            if ends:
                cursor.execute(FORGET, [today - timedelta(days=max(ends))])
        with self._turn() as cursor:
            for kind, kept in days.items():
                oldest = shelf_of(kind, today - timedelta(days=kept))
                cursor.execute(KEEP, [kind, oldest])

    def _drop_oldest(self, parent: str) -> bool:
        """Each by itself: hundreds at once would keep every reader away for long."""
        with self._turn() as cursor:
            found = cursor.execute(OLDEST, {"parent": parent}).fetchall()
            for shelf in found:
                name = Identifier("public", shelf["name"])
                cursor.execute(SQL("DROP TABLE {}").format(name))
        return bool(found)

    @contextmanager
    def _turn(self) -> Iterator[Cursor[Any]]:
        """Nobody puts anything on a shelf meanwhile."""
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(BE_QUICK)
            self._store.turn(cursor, VIEW)
            yield cursor
