"""Looks up one event by its position in the journal, or the first since an instant."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import recorded_in
from projections.storage.threads import in_thread

FIND: LiteralString = """
SELECT originator_id, originator_version, notification_id, state FROM berth_events
WHERE notification_id = %s
"""

TIP: LiteralString = """
SELECT coalesce(max(notification_id), 0) AS tip FROM berth_events
"""


async def first_since(database: Database, instant: datetime) -> int:
    """Its position; if there is none, the one that the next event will have."""
    return await in_thread(_first_since, database, instant)


def _first_since(database: Database, instant: datetime) -> int:
    """By halves, for in the journal time never goes back."""
    with database.cursor() as cursor:
        row = cursor.execute(TIP).fetchone()
    assert row is not None
    first, last = 1, row["tip"] + 1
    while first < last:
        middle = (first + last) // 2
        entry = _find(database, middle)
        if entry and entry.origin.at < instant:
            first = middle + 1
        else:
            last = middle
    return first


async def entry_at(database: Database, position: int) -> Recorded | None:
    """None where the journal has not got to yet."""
    return await in_thread(_find, database, position)


def _find(database: Database, position: int) -> Recorded | None:
    with database.cursor() as cursor:
        row = cursor.execute(FIND, [position], prepare=True).fetchone()
    if row is None:
        return None
    return recorded_in(row, database.subjects)
