"""The holds are those that the events tell of, however the journal is cut."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from domain.environment.events import (
    ExpiryCause,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockReleased,
    LockRenewed,
    LockRequested,
)
from domain.record import Recorded
from projections.holds import holds, sql
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from tests.projections.histories import histories, put
from tests.projections.plans import check_reads, filled
from tests.support.servers import Servers

GRANTED = """
SELECT ticket_id, environment_id, requested_by, requested_at, fence, granted_at,
    acquired_at, expires_at, ended_at, ended_position, cause, ended_by
FROM hold WHERE fence IS NOT NULL ORDER BY granted_position
"""

# Of each two events, one is a release in some environment, the other one's own.
MUCH = """
ALTER TABLE berth_events SET (autovacuum_enabled = off);
ALTER TABLE environment_elsewhere SET (autovacuum_enabled = off);
INSERT INTO environment_elsewhere (environment_id, position, topic)
SELECT 'e' || n %% 50, 2 * n, 'release.published'
FROM generate_series(1, %(events)s / 2) AS n;
INSERT INTO berth_events
    (notification_id, originator_id, originator_version, topic, state)
SELECT 2 * n, 'releases/' || n, 1, 'release.published', told
FROM generate_series(1, %(events)s / 2) AS n
CROSS JOIN LATERAL (SELECT convert_to(json_build_object(
    'origin', json_build_object('at', (2 * n)::text),
    'event', json_build_object('ticket_id', CASE WHEN 2 * n > %(since)s THEN 'mine' END)
)::text, 'UTF8') AS told) AS state
UNION ALL
SELECT 2 * n - 1, 'e' || n %% 50, n / 50 + 1, 'lock.credentials_disclosed', told
FROM generate_series(1, %(events)s / 2) AS n
CROSS JOIN LATERAL (SELECT convert_to(json_build_object(
    'origin', json_build_object('at', (2 * n - 1)::text),
    'event', json_build_object('ticket_id', CASE WHEN 2 * n > %(since)s
        THEN 'mine' ELSE 'another' END)
)::text, 'UTF8') AS told) AS state;
ANALYZE berth_events, environment_elsewhere
"""
UNDER = {
    "ticket_ids": ["mine"],
    "environment_ids": ["e7"],
    "granted_versions": [100],
    "ended_versions": [250],
    "granted_positions": [10_000],
    "ended_positions": [25_000],
    "most": 3,
}


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def told(records: Sequence[Recorded]) -> list[dict[str, Any]]:
    """One event after the other."""
    asked: dict[str, LockRequested] = {}
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        at, event = record.origin.at, record.event
        match event:
            case LockRequested():
                asked[event.ticket_id] = event
            case LockGranted(ticket_id=ticket_id):
                found[ticket_id] = {
                    "ticket_id": ticket_id,
                    "environment_id": record.originator_id,
                    "requested_by": asked[ticket_id].requested_by,
                    "requested_at": asked[ticket_id].requested_at,
                    "fence": event.fence,
                    "granted_at": at,
                    "acquired_at": None,
                    "expires_at": event.expires_at,
                    "ended_at": None,
                    "ended_position": None,
                    "cause": None,
                    "ended_by": None,
                }
            case LockAcquired():
                found[event.ticket_id] |= {
                    "acquired_at": at,
                    "expires_at": event.expires_at,
                }
            case LockRenewed():
                found[event.ticket_id]["expires_at"] = event.expires_at
            case LockReleased():
                found[event.ticket_id] |= {
                    "ended_at": at,
                    "ended_position": record.position,
                    "cause": "forced" if event.forced else "released",
                    "ended_by": event.released_by,
                }
            case LockExpired():
                is_lease = event.cause is ExpiryCause.LEASE
                found[event.ticket_id] |= {
                    "ended_at": found[event.ticket_id]["expires_at"],
                    "ended_position": record.position,
                    "cause": "lease_expired" if is_lease else "claim_expired",
                }
            case _:
                pass
    return list(found.values())


@pytest.mark.parametrize("seed", range(3))
def test_a_hold_is_what_its_events_tell(
    own_journal_url: str, database: Database, seed: int
) -> None:
    records, chance = histories(seed, 250), random.Random(seed)
    put(own_journal_url, records)
    store = ViewStore(database)
    while store.advance(holds, limit=chance.randint(1, 40)):
        pass
    with psycopg.connect(own_journal_url, row_factory=dict_row) as connection:
        rows = connection.execute(GRANTED).fetchall()
    assert rows == told(records)
    assert {row["cause"] for row in rows} >= {"released", "lease_expired", None}


def test_what_was_done_without_its_ticket_takes_no_room_from_what_was_with_it(
    servers: Servers,
) -> None:
    """Nor is anything looked at of before the hold and after it."""
    with filled(servers, MUCH, events=60_000, since=20_000) as connection:
        rows = connection.execute(sql["under_holds"], UNDER).fetchall()
        disclosed, published = "lock.credentials_disclosed", "release.published"
        assert [row[:3] for row in rows] == [
            ("mine", disclosed, "20013"),
            ("mine", published, "20014"),
            ("mine", disclosed, "20113"),
            ("mine", published, "20114"),
            ("mine", disclosed, "20213"),
            ("mine", published, "20214"),
        ]
        check_reads(connection, sql["under_holds"], UNDER)
