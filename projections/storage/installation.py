"""Which installation this database is, wherever it is moved to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import LiteralString

from projections.storage.database import Database
from projections.storage.threads import in_thread

FIND: LiteralString = "SELECT id FROM installation"
InstallationId = Callable[[], Awaitable[str]]


async def installation_id(database: Database) -> str:
    """A UUID, made up when the database was."""
    return await in_thread(_find, database)


class Installation:
    """The same for those who need it often: asked once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._id = ""

    async def id(self) -> str:
        self._id = self._id or await installation_id(self._database)
        return self._id


def _find(database: Database) -> str:
    with database.cursor() as cursor:
        row = cursor.execute(FIND).fetchone()
    assert row is not None, "migration 0014 makes it"
    found: str = row["id"]
    return found
