"""The new tables of one view, in a schema beside the live ones, which they replace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

from eventsourcing.persistence import InternalError, OperationalError
from psycopg import Cursor
from psycopg.errors import IdleInTransactionSessionTimeout, LockNotAvailable
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Identifier

from projections.storage.checkpoint import Page, ViewStore
from projections.storage.database import Database
from projections.storage.subject_keys import tally
from projections.view import View

BATCH = 10_000
# So many are projected while the live view waits.
LAST_MAX = 1_000
# As anybody else for whom others wait: who pauses for longer begins again.
HURRY: LiteralString = "SET LOCAL idle_in_transaction_session_timeout = '2s'"
# Whoever reads goes first: nobody waits for longer than this, and no reader is one of
# two that wait for each other.
LOCK_TIMEOUT: LiteralString = "SET LOCAL lock_timeout = '200ms'"
TRY_AGAIN = (LockNotAvailable, IdleInTransactionSessionTimeout)
TRIES_MAX = 100
SORT_MEMORY: LiteralString = "SET LOCAL maintenance_work_mem = '128MB'"
COPY_OF: LiteralString = "CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS)"
PARTITION_KEY: LiteralString = "SELECT pg_get_partkeydef(%s::regclass) AS key"
# Another one under the same name is another's.
SCHEMA: LiteralString = "SELECT oid FROM pg_namespace WHERE nspname = %s"
TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
PRIMARY_KEY: LiteralString = "ALTER TABLE {table} ADD PRIMARY KEY USING INDEX {name}"
INDEXES: LiteralString = """
SELECT tablename AS table, indexname AS name, indexdef AS definition,
    indisprimary AS is_primary
FROM pg_indexes
JOIN pg_index ON indexrelid = format('public.%%I', indexname)::regclass
WHERE schemaname = 'public' AND tablename = ANY(%(tables)s)
    AND (indisprimary OR indexname = ANY(%(used)s)) = %(are_used)s
"""

ADOPT: LiteralString = """
UPDATE berth_tracking SET notification_id = (
    SELECT notification_id FROM berth_tracking WHERE application_name = %s
)
WHERE application_name = %s
"""
FORGET: LiteralString = "DELETE FROM berth_tracking WHERE application_name = %s"


class RebuildError(Exception):
    """The new tables are not this rebuild's any more, or may not take over."""


class Beside:
    """Statements name their tables without a schema: the search path says which.

    Whatever is done to tables that another rebuild has begun to make is refused with
    `RebuildError`.
    """

    def __init__(self, database: Database, view: View) -> None:
        self._database = database
        self._view = view
        self._store = ViewStore(database)
        self._name = f"rebuild_{view.name}"
        self._position = self._erasures = 0
        self._made: Sequence[DictRow] = ()

    @property
    def tip(self) -> int:
        """The last position of the journal."""
        return self._store.lag(self._name).tip

    def make_room(self, cursor: Cursor[DictRow]) -> None:
        """Empty tables like the live ones, with the indexes that filling them uses."""
        # Another rebuild that makes or fills these ends its transaction first.
        self._store.turn(cursor, self._name)
        self._erasures = self._store.noticed(cursor)
        beside = Identifier(self._name)
        cursor.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(beside))
        cursor.execute(SQL("CREATE SCHEMA {}").format(beside))
        for table in self._view.tables:
            cursor.execute(self._like(cursor, table))
        self._create_indexes(cursor, are_used=True)
        cursor.execute(FORGET, [self._name])
        self._made = self._there(cursor)

    def write(self, page: Page) -> None:
        """Of `page`, what concerns the view, and how far that is."""
        writes = [*self._view.project(self._view.shown(page.records))]
        with self._beside_the_live_ones() as cursor:
            self._store.write(cursor, self._name, page.upto, writes)
        self._position = page.upto

    def add_indexes(self) -> None:
        """Filling a table is quicker without those that it does not use itself."""
        with self._beside_the_live_ones() as cursor:
            cursor.execute(SORT_MEMORY)
            self._create_indexes(cursor, are_used=False)

    def take_over(self) -> None:
        """Project what is left and replace the live tables, in one transaction.

        While somebody reads them nothing happens, and it is tried again.
        """
        for _ in range(TRIES_MAX):
            self._catch_up()
            try:
                with self._beside_the_live_ones() as cursor:
                    self._take_over(cursor)
            except (OperationalError, InternalError) as error:
                if not isinstance(error.__cause__, TRY_AGAIN):
                    raise
            else:
                return
        raise RebuildError(
            f"the tables of {self._view.name} are always being read, or this machine"
            " is too busy"
        )

    def _catch_up(self) -> None:
        """But for the last few, as events may come all the time."""
        is_far = True
        while is_far:
            tip = self.tip
            is_far = tip - self._position > LAST_MAX
            if self._position < tip:
                self.write(self._store.news([self._view], self._position, tip))

    def _advance(self, cursor: Cursor[DictRow]) -> int:
        return self._store.advance_within(cursor, self._name, self._view, LAST_MAX)

    def _take_over(self, cursor: Cursor[DictRow]) -> None:
        # From here on, whoever projects the live view waits.
        cursor.execute(HURRY)
        self._store.turn(cursor, self._view.name)
        if tally(cursor).erasures != self._erasures:
            raise RebuildError("somebody was erased meanwhile: begin again")
        while self._advance(cursor):
            pass
        cursor.execute(LOCK_TIMEOUT)
        live = [Identifier("public", table) for table in self._view.tables]
        names = SQL(", ").join(live)
        cursor.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        cursor.execute(SQL("DROP TABLE {}").format(names))
        for found in cursor.execute(TABLES, [self._name]).fetchall():
            moved = Identifier(self._name, found["tablename"])
            cursor.execute(SQL("ALTER TABLE {} SET SCHEMA public").format(moved))
        cursor.execute(SQL("DROP SCHEMA {}").format(Identifier(self._name)))
        cursor.execute(ADOPT, [self._name, self._view.name])
        cursor.execute(FORGET, [self._name])

    @contextmanager
    def _beside_the_live_ones(self) -> Iterator[Cursor[DictRow]]:
        with self._database.transaction(commit=True) as cursor:
            path = SQL("SET LOCAL search_path TO {}, public")
            cursor.execute(path.format(Identifier(self._name)))
            position, _ = self._store.turn(cursor, self._name)
            if position != self._position or self._there(cursor) != self._made:
                raise RebuildError(f"another rebuild of {self._view.name} has begun")
            yield cursor

    def _there(self, cursor: Cursor[DictRow]) -> Sequence[DictRow]:
        return cursor.execute(SCHEMA, [self._name]).fetchall()

    def _like(self, cursor: Cursor[DictRow], table: LiteralString) -> Composed:
        new, old = Identifier(self._name, table), Identifier("public", table)
        copy = SQL(COPY_OF).format(new=new, old=old)
        [found] = cursor.execute(PARTITION_KEY, [f"public.{table}"])
        if key := found["key"]:  # Its partitions are the view's own to make.
            copy += SQL(" PARTITION BY ") + SQL(key)
        return copy

    def _create_indexes(self, cursor: Cursor[DictRow], *, are_used: bool) -> None:
        """The live tables' indexes on the new ones, under the same names."""
        used = [*self._view.used_indexes]
        wanted = {"tables": [*self._view.tables], "used": used, "are_used": are_used}
        for index in cursor.execute(INDEXES, wanted).fetchall():
            there = f" ON {self._name}."
            definition = index["definition"].replace(" ON ONLY public.", " ON public.")
            cursor.execute(definition.replace(" ON public.", there, 1))
            if index["is_primary"]:
                table = Identifier(self._name, index["table"])
                name = Identifier(index["name"])
                cursor.execute(SQL(PRIMARY_KEY).format(table=table, name=name))
