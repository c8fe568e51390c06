"""Which installation this database is, wherever it is moved to."""

from __future__ import annotations

from typing import LiteralString

from projections.storage.database import Database
from projections.storage.threads import in_thread

FIND: LiteralString = "SELECT id FROM installation"


async def installation_id(database: Database) -> str:
    """A UUID, made up when the database was."""
    return await in_thread(_find, database)


def _find(database: Database) -> str:
    with database.cursor() as cursor:
        row = cursor.execute(FIND).fetchone()
    assert row is not None, "migration 0014 makes it"
    found: str = row["id"]
    return found
