"""What is asked of deliveries costs the same, however many wait or were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import psycopg
import pytest

from projections.storage.deliveries import AT_ONCE_MAX, Claimed, Outcome, sql
from projections.storage.delivery_log import NEWEST
from tests.projections.plans import check_reads, filled
from tests.projections.test_deliveries import came_to
from tests.support.servers import Servers

DELIVERIES = 100_000
DELETED = 20_000
ATTEMPTS = 100_000
FILL = """
ALTER TABLE webhook_delivery SET (autovacuum_enabled = off);
ALTER TABLE webhook_health SET (autovacuum_enabled = off);
ALTER TABLE webhook SET (autovacuum_enabled = off);
INSERT INTO webhook
SELECT id, 'active', '{"timeout_ms": 1000}', NULL, NULL, 'o', now(), now(), now()
FROM unnest(ARRAY['a', 'down']) AS receiver (id);
INSERT INTO webhook_health (webhook_id, trips, retry_at)
VALUES ('a', 0, NULL), ('down', 3, now() - interval '1 s');
INSERT INTO webhook_delivery
SELECT
    id, n, now() - interval '1 hour', attempts, true, NULL, 'environments/' || n %% 100
FROM (VALUES ('a', 0), ('down', 1)) AS receiver (id, attempts),
    generate_series(1, %(deliveries)s) AS n;
INSERT INTO webhook
SELECT 'gone' || n, 'deleted', '{}', NULL, NULL, 'o', now(), now(), now()
FROM generate_series(1, %(deleted)s) AS n;
INSERT INTO webhook_health (webhook_id, trips, retry_at)
SELECT 'gone' || n, 3, now() - interval '1 day'
FROM generate_series(1, %(deleted)s) AS n;
INSERT INTO webhook_delivery (webhook_id, position, due_at)
SELECT 'gone777', n, now() FROM generate_series(1, 2000) AS n;
SELECT make_shelf('webhook_attempt', 'sent_2026010' || n)
FROM generate_series(1, 8) AS n;
INSERT INTO webhook_attempt (
    webhook_id, position, event_id, event_type, attempt, outcome, latency_ms, head, at,
    shelf
)
SELECT
    'a', n, 'e' || n, 'lock.acquired', 1,
    CASE WHEN n %% 10000 = 0 THEN 'failed' ELSE 'delivered' END, 1, '', now(),
    'sent_2026010' || n %% 8 + 1
FROM generate_series(1, %(attempts)s) AS n
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
    "sweep": {"limit": 20},
}
PAGE = {"webhook_id": "a", "before": NEWEST, "limit": 51}


@pytest.fixture(scope="module", params=["of no rows", "fresh"])
def waiting(
    servers: Servers, request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection]:
    """What PostgreSQL knows of it is as the parameter says."""
    many = {"deliveries": DELIVERIES, "deleted": DELETED, "attempts": ATTEMPTS}
    with filled(servers, FILL, **many) as connection:
        connection.execute(sql["make_shelf"])
        if request.param == "fresh":
            connection.execute("VACUUM (ANALYZE)")
        yield connection


def check(
    waiting: psycopg.Connection, name: str, asked: Mapping[str, Any] | None = None
) -> None:
    """And leave all as it was."""
    with waiting.transaction(force_rollback=True):
        waiting.execute(sql["plan_by_index"])
        check_reads(waiting, sql[name], asked or ASKED[name])


@pytest.mark.parametrize("name", ASKED)
def test_of_many_only_some_are_read(waiting: psycopg.Connection, name: str) -> None:
    """Also where a receiver is down for which many wait."""
    check(waiting, name)


@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_whatever_attempts_came_to_a_page_of_them_is_all_that_is_read(
    waiting: psycopg.Connection, outcome: str | None
) -> None:
    """Of those that are given up there is none."""
    check(waiting, "attempts", PAGE | {"outcome": outcome})


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
