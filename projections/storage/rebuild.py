"""The tables of a view, filled anew in a schema beside the live ones, then swapped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from projections.storage.checkpoint import Batch, ViewStore, read
from projections.storage.database import Database
from projections.storage.subject_keys import erasures
from projections.view import View

BATCH = 5_000
COPY_OF: LiteralString = "CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS)"
PARTITION_KEY: LiteralString = "SELECT pg_get_partkeydef(%s::regclass) AS key"
TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
PRIMARY_KEY: LiteralString = "ALTER TABLE {table} ADD PRIMARY KEY USING INDEX {name}"
INDEXES: LiteralString = """
SELECT tablename AS table, indexname AS name, indexdef AS definition
FROM pg_indexes
JOIN pg_index ON indexrelid = format('public.%%I', indexname)::regclass
WHERE schemaname = 'public' AND tablename = ANY(%(tables)s)
    AND indisprimary = %(are_primary)s
"""

ADOPT: LiteralString = """
UPDATE berth_tracking SET notification_id = (
    SELECT notification_id FROM berth_tracking WHERE application_name = %s
)
WHERE application_name = %s
"""
FORGET: LiteralString = "DELETE FROM berth_tracking WHERE application_name = %s"


class RebuildError(Exception):
    """The new tables cannot take the place of the live ones; the message says why."""


class Progress(NamedTuple):
    position: int
    tip: int


def rebuild(database: Database, view: View) -> Iterator[Progress]:
    """Project the whole journal into new tables; yields after each batch.

    The live tables serve readers until the end. `RebuildError` if another rebuild of
    the view begins meanwhile, or somebody is erased, who may be in what was filled.
    """
    return Rebuild(database, view).run()


class Rebuild:
    """Statements name their tables without a schema: the search path says which."""

    def __init__(self, database: Database, view: View) -> None:
        self._database = database
        self._view = view
        self._store = ViewStore(database)
        self._beside = f"rebuild_{view.name}"
        self._position = self._tip = self._erasures = 0

    def run(self) -> Iterator[Progress]:
        with self._database.transaction(commit=True) as cursor:
            self._erasures = erasures(cursor)
            if self._store.subjects is not None:
                self._store.subjects.notice(self._erasures)
            self._make_room(cursor)
        yield from self._fill()
        with self._beside_the_live_ones() as cursor:
            self._create_indexes(cursor, are_primary=False)
        yield from self._fill()  # What has come meanwhile.
        with self._beside_the_live_ones() as cursor:
            # From here on, whoever projects the live view waits.
            self._store.turn(cursor, self._view.name)
            if erasures(cursor) != self._erasures:
                raise RebuildError("somebody was erased meanwhile: begin again")
            while self._store.advance_within(cursor, self._beside, self._view, BATCH):
                pass
            self._swap(cursor)

    def _fill(self) -> Iterator[Progress]:
        """While PostgreSQL writes one batch, the next one is read and projected."""
        with (
            closing(self._database.connect()) as source,
            ThreadPoolExecutor(max_workers=1) as writer,
        ):
            writing: Future[Progress] | None = None
            after, self._tip = self._position, self._store.lag(self._beside).tip
            while writing or after < self._tip:
                upto = min(after + BATCH, self._tip)
                batch = read(source, self._view, after, upto, self._store.subjects)
                if writing:
                    yield writing.result()  # Meanwhile nothing is under way.
                is_over = batch.upto == after
                writing = None if is_over else writer.submit(self._write, batch)
                after = batch.upto

    def _write(self, batch: Batch) -> Progress:
        with self._beside_the_live_ones() as cursor:
            self._store.write(cursor, self._beside, batch)
        self._position = batch.upto
        return Progress(self._position, self._tip)

    @contextmanager
    def _beside_the_live_ones(self) -> Iterator[Cursor[DictRow]]:
        with self._database.transaction(commit=True) as cursor:
            path = SQL("SET LOCAL search_path TO {}, public")
            cursor.execute(path.format(Identifier(self._beside)))
            position, self._tip = self._store.turn(cursor, self._beside)
            if position != self._position:
                raise RebuildError(f"another rebuild of {self._view.name} has begun")
            yield cursor

    def _make_room(self, cursor: Cursor[DictRow]) -> None:
        beside = Identifier(self._beside)
        cursor.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(beside))
        cursor.execute(SQL("CREATE SCHEMA {}").format(beside))
        for table in self._view.tables:
            new, old = Identifier(self._beside, table), Identifier("public", table)
            copy = SQL(COPY_OF).format(new=new, old=old)
            [found] = cursor.execute(PARTITION_KEY, [f"public.{table}"])
            if key := found["key"]:  # Its partitions are the view's own to make.
                copy += SQL(" PARTITION BY ") + SQL(key)
            cursor.execute(copy)
        self._create_indexes(cursor, are_primary=True)
        cursor.execute(FORGET, [self._beside])

    def _create_indexes(self, cursor: Cursor[DictRow], *, are_primary: bool) -> None:
        """The live tables' indexes on the new ones, under the same names.

        Filling a table is quicker without those that are not primary keys.
        """
        wanted = {"tables": [*self._view.tables], "are_primary": are_primary}
        for index in cursor.execute(INDEXES, wanted).fetchall():
            there = f" ON {self._beside}."
            definition = index["definition"].replace(" ON ONLY public.", " ON public.")
            cursor.execute(definition.replace(" ON public.", there, 1))
            if are_primary:
                table = Identifier(self._beside, index["table"])
                name = Identifier(index["name"])
                cursor.execute(SQL(PRIMARY_KEY).format(table=table, name=name))

    def _swap(self, cursor: Cursor[DictRow]) -> None:
        beside = Identifier(self._beside)
        for table in self._view.tables:
            cursor.execute(SQL("DROP TABLE {}").format(Identifier("public", table)))
        for found in cursor.execute(TABLES, [self._beside]).fetchall():
            moved = Identifier(self._beside, found["tablename"])
            cursor.execute(SQL("ALTER TABLE {} SET SCHEMA public").format(moved))
        cursor.execute(SQL("DROP SCHEMA {}").format(beside))
        cursor.execute(ADOPT, [self._beside, self._view.name])
        cursor.execute(FORGET, [self._beside])
