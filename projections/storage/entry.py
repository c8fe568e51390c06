"""Looks up one event by its position in the journal."""

from __future__ import annotations

from typing import LiteralString

from domain.errors import JournalUnavailable
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import KNOWN, NEWER, recorded_in
from projections.storage.threads import in_thread

FIND: LiteralString = """
SELECT originator_id, originator_version, notification_id, topic, state
FROM berth_events WHERE notification_id = %s
"""


async def entry_at(database: Database, position: int) -> Recorded | None:
    """None where the journal has not got to yet.

    `JournalUnavailable` if only a newer version of Berth can tell.
    """
    return await in_thread(_find, database, position)


def _find(database: Database, position: int) -> Recorded | None:
    with database.cursor() as cursor:
        row = cursor.execute(FIND, [position], prepare=True).fetchone()
    if row is None:
        return None
    if row["topic"] not in KNOWN:
        raise JournalUnavailable(NEWER)
    return recorded_in(row, database.subjects)
