"""What is asked of deliveries costs the same, however many wait or were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import psycopg
import pytest

from projections.storage.deliveries import AT_ONCE_MAX, Claimed, Outcome, sql
from tests.projections.plans import check_reads, filled
from tests.projections.test_deliveries import came_to
from tests.support.servers import Servers

DELIVERIES = 100_000
FILL = """
ALTER TABLE webhook_delivery SET (autovacuum_enabled = off);
ALTER TABLE webhook_health SET (autovacuum_enabled = off);
INSERT INTO webhook
SELECT id, 'active', '{"timeout_ms": 1000}', NULL, NULL, 'o', now(), now(), now()
FROM unnest(ARRAY['a', 'down']) AS receiver (id);
INSERT INTO webhook_health (webhook_id, trips, retry_at)
VALUES ('a', 0, NULL), ('down', 3, now() - interval '1 s');
INSERT INTO webhook_delivery
SELECT
    id, n, now() - interval '1 hour', attempts, true, NULL, 'environments/' || n %% 100
FROM (VALUES ('a', 0), ('down', 1)) AS receiver (id, attempts),
    generate_series(1, %(deliveries)s) AS n
"""
DONE = [
    came_to(Claimed("a", n, 0, 0, is_probe=False), Outcome.DELIVERED) for n in (1, 2)
]
CLAIM = {
    "webhooks": ["a"],
    "counts": [0],
    "claim": 1,
    "at_once": AT_ONCE_MAX,
    "lease_seconds": 15,
}
ASKED: Mapping[str, Mapping[str, Any]] = {
    "claim": CLAIM,
    "put": {
        "webhooks": ["a"],
        "positions": [300_000],
        "subjects": ["environments/1"],
        "is_again": False,
    },
    "settle": {"rows": msgspec.json.encode(DONE).decode()},
    "call_next": {"webhooks": ["a"], "subjects": ["environments/1"]},
    "hurry": {"webhooks": ["down"], "hurried_max": 10},
    "count_waiting": {"webhooks": ["a", "down"], "limit": 10},
}


@pytest.fixture(scope="module")
def waiting(servers: Servers) -> Iterator[psycopg.Connection]:
    with filled(servers, FILL, deliveries=DELIVERIES) as connection:
        connection.execute(sql["make_shelf"])
        yield connection


def check(waiting: psycopg.Connection, name: str) -> None:
    """And leave all as it was."""
    with waiting.transaction(force_rollback=True):
        waiting.execute(sql["plan_by_index"])
        check_reads(waiting, sql[name], ASKED[name])


@pytest.mark.parametrize("name", ASKED)
def test_of_many_only_some_are_read_with_the_statistics_of_no_rows_and_with_fresh(
    waiting: psycopg.Connection, name: str
) -> None:
    """Also where a receiver is down for which many wait."""
    check(waiting, name)
    waiting.execute("VACUUM (ANALYZE) webhook_delivery, webhook_health, webhook")
    check(waiting, name)


def test_it_is_so_where_only_those_wait_who_are_for_one_that_is_down(
    waiting: psycopg.Connection,
) -> None:
    with waiting.transaction(force_rollback=True):
        waiting.execute("DELETE FROM webhook_delivery WHERE webhook_id <> 'down'")
        waiting.execute("ANALYZE webhook_delivery, webhook_health, webhook")
        check(waiting, "claim")


def test_of_who_is_down_one_is_claimed(waiting: psycopg.Connection) -> None:
    with waiting.transaction(force_rollback=True):
        waiting.execute(sql["plan_by_index"])
        claimed = waiting.execute(sql["claim"], CLAIM).fetchall()
    probes = [webhook_id for webhook_id, *_, is_probe in claimed if is_probe]
    assert (probes, len(claimed)) == (["down"], 1 + AT_ONCE_MAX)
