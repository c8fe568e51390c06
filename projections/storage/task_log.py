"""What attempts at tasks have written: the beginning of it, as much as is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from projections.storage.database import Database
from projections.storage.threads import in_thread

ATTEMPT_BYTES_MAX = 256 * 1024
ATTEMPTS_READ_MAX = 10
CUT = "\n... the rest was not kept\n"

MAKE: LiteralString = """
SELECT make_shelf('task_log', to_char(clock_timestamp(), '"log_"YYYYMMDD'))
"""
# What a worker elsewhere sends at once comes one after the other, so that all counts.
ALONE: LiteralString = """
SELECT pg_advisory_xact_lock(hashtextextended(%(operation_id)s, %(attempt)s))
"""
WRITTEN: LiteralString = """
SELECT written FROM task_log
WHERE operation_id = %(operation_id)s AND attempt = %(attempt)s
ORDER BY written DESC LIMIT 1
"""
APPEND: LiteralString = """
INSERT INTO task_log (operation_id, attempt, written, content, shelf)
VALUES (
    %(operation_id)s, %(attempt)s, %(written)s, %(content)s,
    to_char(clock_timestamp(), '"log_"YYYYMMDD')
)
"""
# The latest attempts, or the one that is asked for.
READ: LiteralString = """
SELECT attempt, string_agg(content, '' ORDER BY written) AS content
FROM task_log
WHERE operation_id = %(operation_id)s
    AND (%(attempt)s::integer IS NULL OR attempt = %(attempt)s)
GROUP BY attempt
ORDER BY attempt DESC
LIMIT %(limit)s
"""


class AttemptLog(NamedTuple):
    attempt: int
    content: str


class TaskLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, operation_id: str, attempt: int, content: str) -> bool:
        """Add `content`; False if there is room for no more of this attempt."""
        return await in_thread(self._append, operation_id, attempt, content)

    async def read(
        self, operation_id: str, attempt: int | None = None
    ) -> Sequence[AttemptLog]:
        """Of the latest attempts, or of the one that is given; oldest first."""
        return await in_thread(self._read, operation_id, attempt)

    def _append(self, operation_id: str, attempt: int, content: str) -> bool:
        sent = content.replace("\0", "\ufffd").encode(errors="replace")
        values = {"operation_id": operation_id, "attempt": attempt}
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(ALONE, values, prepare=True)
            last = cursor.execute(WRITTEN, values, prepare=True).fetchone()
            written = last["written"] if last else 0
            room = ATTEMPT_BYTES_MAX - written
            if room <= 0 or not sent:
                return room > 0
            kept = sent[:room].decode(errors="ignore")
            values |= {
                "written": written + len(sent),
                "content": kept + (CUT if len(sent) > room else ""),
            }
            cursor.execute(MAKE, prepare=True)
            cursor.execute(APPEND, values, prepare=True)
        return len(sent) < room

    def _read(self, operation_id: str, attempt: int | None) -> Sequence[AttemptLog]:
        values = {
            "operation_id": operation_id,
            "attempt": attempt,
            "limit": ATTEMPTS_READ_MAX,
        }
        with self._database.cursor() as cursor:
            found = cursor.execute(READ, values, prepare=True).fetchall()
        return [AttemptLog(row["attempt"], row["content"]) for row in reversed(found)]
