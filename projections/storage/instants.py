"""Finds positions by time: within the journal time never goes back, so by halves."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from projections.storage.database import Database
from projections.storage.threads import in_thread

# Twenty looks by the index at a million events, all in one round trip.
UP_TO: LiteralString = """
WITH RECURSIVE ends AS MATERIALIZED (
    SELECT coalesce((
        SELECT notification_id FROM berth_events ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip
), search (low, high) AS (
    SELECT 0::bigint, tip FROM ends
    UNION ALL
    SELECT
        CASE WHEN probe.is_before THEN middle ELSE low END,
        CASE WHEN probe.is_before THEN high ELSE middle - 1 END
    FROM (
        SELECT low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high
    ) AS halves
    CROSS JOIN LATERAL (
        -- Where somebody has removed events, the one before them tells.
        SELECT coalesce((
            SELECT at < %(instant)s OR (at = %(instant)s AND %(inclusive)s)
            FROM berth_events, LATERAL (
                SELECT (
                    event_json(state) #>> '{origin,at}'
                )::timestamptz
            ) AS dated (at)
            WHERE notification_id <= middle ORDER BY notification_id DESC LIMIT 1
        ), true) AS is_before
    ) AS probe
)
SELECT
    low AS position,
    greatest(clock_timestamp(), (
        SELECT (event_json(state) #>> '{origin,at}')::timestamptz
        FROM berth_events ORDER BY notification_id DESC LIMIT 1
    )) AS now,
    (
        SELECT (event_json(state) #>> '{origin,at}')::timestamptz
        FROM berth_events ORDER BY notification_id LIMIT 1
    ) AS first
FROM search WHERE low = high LIMIT 1
"""


class Moment(NamedTuple):
    """The last position at an instant, 0 before all; the journal's time of asking.

    That is the database's, or when the last event happened if its clock has gone back
    since. `first` is when the first one did, if there is one.
    """

    position: int
    now: datetime
    first: datetime | None


async def moment_of(database: Database, instant: datetime) -> Moment:
    """Where the journal ended at `instant`."""
    return await in_thread(_find, database, instant, inclusive=True)


async def first_since(database: Database, instant: datetime) -> int:
    """Its position; if there is none, the one that the next event will have."""
    moment = await in_thread(_find, database, instant, inclusive=False)
    return moment.position + 1


def moment_in(cursor: Any, instant: datetime, *, inclusive: bool) -> Moment:
    """As this transaction sees the journal; not `inclusive`: the last before it."""
    values = {"instant": instant, "inclusive": inclusive}
    row = cursor.execute(UP_TO, values, prepare=False).fetchone()
    assert row is not None
    return Moment(row["position"], row["now"], row["first"])


def _find(database: Database, instant: datetime, *, inclusive: bool) -> Moment:
    with database.cursor() as cursor:
        return moment_in(cursor, instant, inclusive=inclusive)
