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
from projections.holds import holds
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from tests.projections.histories import histories, put

GRANTED = """
SELECT ticket_id, environment_id, requested_by, requested_at, fence, granted_at,
    acquired_at, expires_at, ended_at, ended_position, cause, ended_by
FROM hold WHERE fence IS NOT NULL ORDER BY granted_position
"""


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
