"""The tables of a view, filled anew in a schema beside the live ones, then swapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from projections.storage.checkpoint import TURN, ViewStore
from projections.storage.database import Database
from projections.view import View

BATCH = 5_000
COPY_OF: LiteralString = "CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS)"
PRIMARY_KEY: LiteralString = "ALTER TABLE {table} ADD PRIMARY KEY USING INDEX {name}"
INDEXES: LiteralString = """
SELECT
    tablename AS table, indexname AS name, indexdef AS definition,
    indisprimary AS is_primary
FROM pg_indexes
JOIN pg_index ON indexrelid = format('public.%%I', indexname)::regclass
WHERE schemaname = 'public' AND tablename = %(table)s AND indisprimary = %(is_primary)s
"""


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
    read = BATCH
    while read == BATCH:
        with database.transaction(commit=True) as cursor:
            _look_beside(cursor, beside)
            read = store.advance_within(cursor, beside, view.project, BATCH)
        lag = store.lag(beside)
        yield Progress(lag.checkpoint, lag.tip)
    with database.transaction(commit=True) as cursor:
        cursor.execute(TURN, [view.name])  # Whoever projects the live view waits.
        _look_beside(cursor, beside)
        while store.advance_within(cursor, beside, view.project, BATCH):
            pass
        _swap(cursor, view, beside)


def _make_room(cursor: Cursor[DictRow], view: View, beside: str) -> None:
    schema = Identifier(beside)
    cursor.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
    cursor.execute(SQL("CREATE SCHEMA {}").format(schema))
    for table in view.tables:
        names = {"new": Identifier(beside, table), "old": Identifier("public", table)}
        cursor.execute(SQL(COPY_OF).format(**names))
        keys = cursor.execute(INDEXES, {"table": table, "is_primary": True})
        _create_indexes(cursor, keys.fetchall(), beside)
    cursor.execute("DELETE FROM berth_tracking WHERE application_name = %s", [beside])


def _look_beside(cursor: Cursor[DictRow], beside: str) -> None:
    cursor.execute(
        SQL("SET LOCAL search_path TO {}, public").format(Identifier(beside))
    )


def _create_indexes(
    cursor: Cursor[DictRow], indexes: Sequence[DictRow], beside: str
) -> None:
    """The live table's indexes on the new one, under the same names."""
    for index in indexes:
        statement = index["definition"].replace(" ON public.", f" ON {beside}.", 1)
        cursor.execute(statement)
        if index["is_primary"]:
            named = {"name": Identifier(index["name"])}
            table = Identifier(beside, index["table"])
            cursor.execute(SQL(PRIMARY_KEY).format(table=table, **named))


def _swap(cursor: Cursor[DictRow], view: View, beside: str) -> None:
    for table in view.tables:
        # Filling a table is quicker without them.
        rest = cursor.execute(INDEXES, {"table": table, "is_primary": False})
        _create_indexes(cursor, rest.fetchall(), beside)
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
