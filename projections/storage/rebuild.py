"""The tables of a view, filled anew in a schema beside the live ones, then swapped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from projections.storage.checkpoint import Batch, ViewStore, read
from projections.storage.database import Database
from projections.view import View

BATCH = 5_000
COPY_OF: LiteralString = "CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS)"
PRIMARY_KEY: LiteralString = "ALTER TABLE {table} ADD PRIMARY KEY USING INDEX {name}"
INDEXES: LiteralString = """
SELECT tablename AS table, indexname AS name, indexdef AS definition
FROM pg_indexes
JOIN pg_index ON indexrelid = format('public.%%I', indexname)::regclass
WHERE schemaname = 'public' AND tablename = ANY(%(tables)s)
    AND indisprimary = %(are_primary)s
"""


class RebuildError(Exception):
    """The new tables are not this rebuild's any more."""


class Progress(NamedTuple):
    position: int
    tip: int


def rebuild(database: Database, view: View) -> Iterator[Progress]:
    """Project the whole journal into new tables; yields after each batch.

    The live tables serve readers until the end. Statements name their tables without a
    schema, so the search path alone decides which ones they mean.
    """
    store = ViewStore(database)
    beside = f"rebuild_{view.name}"
    with database.transaction(commit=True) as cursor:
        _make_room(cursor, view, beside)
    yield from _fill(database, view, beside)
    with database.transaction(commit=True) as cursor:
        _create_indexes(cursor, view, beside, are_primary=False)
    yield from _fill(database, view, beside)  # What has come meanwhile.
    with database.transaction(commit=True) as cursor:
        store.turn(cursor, view.name)  # Whoever projects the live view waits.
        _look_beside(cursor, beside)
        while store.advance_within(cursor, beside, view, BATCH):
            pass
        _swap(cursor, view, beside)


def _fill(database: Database, view: View, beside: str) -> Iterator[Progress]:
    """While PostgreSQL writes one batch, the next one is read and projected."""
    store = ViewStore(database)

    def write(batch: Batch) -> Progress:
        with database.transaction(commit=True) as cursor:
            _look_beside(cursor, beside)
            checkpoint, tip = store.turn(cursor, beside)
            if checkpoint != batch.after:
                raise RebuildError(f"another rebuild of {view.name} has begun")
            store.write(cursor, beside, batch)
        return Progress(batch.upto, tip)

    lag = store.lag(beside)
    position, tip = lag.checkpoint, lag.tip
    with closing(database.connect()) as source, ThreadPoolExecutor(1) as writer:
        writing: Future[Progress] | None = None
        while position < tip:
            batch = read(source, view, position, min(position + BATCH, tip))
            if writing:
                progress = writing.result()
                tip = progress.tip
                yield progress  # Nothing is under way while somebody else has the word.
            writing = writer.submit(write, batch)
            position = batch.upto
        if writing:
            yield writing.result()


def _make_room(cursor: Cursor[DictRow], view: View, beside: str) -> None:
    schema = Identifier(beside)
    cursor.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
    cursor.execute(SQL("CREATE SCHEMA {}").format(schema))
    for table in view.tables:
        names = {"new": Identifier(beside, table), "old": Identifier("public", table)}
        cursor.execute(SQL(COPY_OF).format(**names))
    _create_indexes(cursor, view, beside, are_primary=True)
    cursor.execute("DELETE FROM berth_tracking WHERE application_name = %s", [beside])


def _look_beside(cursor: Cursor[DictRow], beside: str) -> None:
    cursor.execute(
        SQL("SET LOCAL search_path TO {}, public").format(Identifier(beside))
    )


def _create_indexes(
    cursor: Cursor[DictRow], view: View, beside: str, *, are_primary: bool
) -> None:
    """The live tables' indexes on the new ones, under the same names.

    Filling a table is quicker without those that are not primary keys.
    """
    wanted = {"tables": [*view.tables], "are_primary": are_primary}
    for index in cursor.execute(INDEXES, wanted).fetchall():
        statement = index["definition"].replace(" ON public.", f" ON {beside}.", 1)
        cursor.execute(statement)
        if are_primary:
            named = {"name": Identifier(index["name"])}
            table = Identifier(beside, index["table"])
            cursor.execute(SQL(PRIMARY_KEY).format(table=table, **named))


def _swap(cursor: Cursor[DictRow], view: View, beside: str) -> None:
    for table in view.tables:
        names = {"table": Identifier(table), "beside": Identifier(beside)}
        cursor.execute(SQL("DROP TABLE public.{table}").format(**names))
        cursor.execute(
            SQL("ALTER TABLE {beside}.{table} SET SCHEMA public").format(**names)
        )
    cursor.execute(SQL("DROP SCHEMA {}").format(Identifier(beside)))
    cursor.execute(
        "UPDATE berth_tracking SET notification_id ="
        " (SELECT notification_id FROM berth_tracking WHERE application_name = %s)"
        " WHERE application_name = %s",
        [beside, view.name],
    )
    cursor.execute("DELETE FROM berth_tracking WHERE application_name = %s", [beside])
