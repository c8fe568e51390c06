"""What orgs said is installed in them, for whichever process is asked next.

A row goes when its credential does, so an org registered again is asked again.
"""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, NamedTuple

from projections.storage.database import Database
from projections.storage.threads import in_thread

# The lock keeps the credential from being erased between the look and the insert.
PUT: LiteralString = """
WITH known AS (
    SELECT id FROM credential WHERE id = %(credential_id)s FOR KEY SHARE
), kept AS (
    INSERT INTO artifact_cache (credential_id, retrieved_at, artifacts)
    SELECT id, statement_timestamp(), %(artifacts)s FROM known
    ON CONFLICT (credential_id) DO UPDATE SET
        retrieved_at = excluded.retrieved_at,
        artifacts = excluded.artifacts
)
SELECT statement_timestamp() AS at
"""
GET: LiteralString = """
SELECT retrieved_at, artifacts FROM artifact_cache
WHERE credential_id = %(credential_id)s
    AND retrieved_at > clock_timestamp() - make_interval(secs => %(seconds)s)
"""


class Kept(NamedTuple):
    """`artifacts` as the JSON they were put in."""

    retrieved_at: datetime
    artifacts: str


class ArtifactCache:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, credential_id: str, artifacts: str) -> datetime:
        """When it was retrieved: now, by the database's time."""
        return await in_thread(self._put, credential_id, artifacts)

    async def get(self, credential_id: str, seconds: float) -> Kept | None:
        """What was put in the last `seconds`."""
        return await in_thread(self._get, credential_id, seconds)

    def _put(self, credential_id: str, artifacts: str) -> datetime:
        values = {"credential_id": credential_id, "artifacts": artifacts}
        with self._database.cursor() as cursor:
            [row] = cursor.execute(PUT, values).fetchall()
        at: datetime = row["at"]
        return at

    def _get(self, credential_id: str, seconds: float) -> Kept | None:
        values = {"credential_id": credential_id, "seconds": seconds}
        with self._database.cursor() as cursor:
            row = cursor.execute(GET, values, prepare=True).fetchone()
        return Kept(row["retrieved_at"], row["artifacts"]) if row else None
