"""Brings the schema up to date: each numbered file once, in order, by one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from domain.errors import JournalUnavailable
from projections.storage.failures import unconnected

# Any number will do, as long as every Berth uses the same.
ADVISORY_LOCK = 0x42455254
# Berth serves meanwhile: nobody waits for longer than this behind a migration that
# itself waits for whoever reads for long, such as a dump.
LOCK_TIMEOUT: LiteralString = "SET LOCAL lock_timeout = '500ms'"
AGAIN_SECONDS = 1
WAITING = "waiting for whoever reads a table that is to change, such as a dump"


def migrate(url: str, say: Callable[[str], object] = lambda _: None) -> Sequence[str]:
    """Apply what is missing and return its names; safe to run from many processes.

    It has `say` tell, once, that it waits. `JournalUnavailable` if the database is not
    there, or refuses the connection.
    """
    try:
        opened = psycopg.connect(url, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise JournalUnavailable(unconnected(error)) from error
    is_told = False
    with opened as connection:
        while True:
            try:
                with connection.transaction():
                    return _apply_missing(connection)
            except LockNotAvailable:
                if not is_told:
                    say(WAITING)
                is_told = True
                time.sleep(AGAIN_SECONDS)


def _apply_missing(connection: Connection[Any]) -> Sequence[str]:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    connection.execute(LOCK_TIMEOUT)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration ("
        "name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = connection.execute("SELECT name FROM migration")
    applied = {name for (name,) in rows}
    missing = [name for name in names() if name not in applied]
    for name in missing:
        connection.execute(_read(name))
        connection.execute("INSERT INTO migration (name) VALUES (%s)", [name])
    return missing


def names() -> Sequence[str]:
    """Of all there are, in the order in which they are applied."""
    folder = resources.files("projections.storage.migrations")
    return sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))


def _read(name: str) -> LiteralString:
    # These files ship with the code, so they are as literal as the code is.
    return (resources.files("projections.storage.migrations") / name).read_text()
