"""Which versions of the vault's keys something is encrypted under."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString

from msgspec import Struct
from psycopg import OperationalError

from domain.errors import JournalUnavailable
from projections.storage.database import Database
from projections.storage.failures import SILENT
from projections.storage.sealing import VERSION_BYTES, version_of
from projections.storage.threads import in_thread

SECONDS_MAX = 60
CREDENTIALS: LiteralString = """
SELECT key_version AS version, count(*) AS number FROM credential GROUP BY version
"""
SUBJECTS: LiteralString = """
SELECT key_version AS version, count(*) AS number FROM subject_key
WHERE wrapped_key IS NOT NULL GROUP BY version
"""
ANSWERS: LiteralString = f"""
SELECT substring(sealed FROM 1 FOR {VERSION_BYTES}) AS version, count(*) AS number,
    max(created_at) + interval '24 hours' AS until
FROM idempotent_request GROUP BY version
"""  # noqa: S608 - a number of ours


class Use(Struct):
    """How many credentials, people's keys, kept answers; the last of these goes then.

    Among the `subjects` there is one more, which finds them.
    """

    credentials: int = 0
    subjects: int = 0
    answers: int = 0
    answers_until: datetime | None = None


class VaultUse:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_version(self) -> Mapping[int, Use]:
        return await in_thread(self.now)

    def now(self) -> Mapping[int, Use]:
        """By version. All answers are looked at, which may take some seconds."""
        try:
            return self._now()
        except OperationalError as error:
            raise JournalUnavailable(SILENT) from error

    def _now(self) -> Mapping[int, Use]:
        use: defaultdict[int, Use] = defaultdict(Use)
        with self._database.connect() as connection:
            connection.execute(f"SET statement_timeout = '{SECONDS_MAX}s'")
            for row in connection.execute(CREDENTIALS):
                use[row["version"]].credentials = row["number"]
            for row in connection.execute(SUBJECTS):
                use[row["version"]].subjects = row["number"]
            for row in connection.execute(ANSWERS):
                found = use[version_of(row["version"])]
                found.answers, found.answers_until = row["number"], row["until"]
        return dict(use)
