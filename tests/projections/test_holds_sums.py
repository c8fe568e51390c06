"""The sums of many holds are right, and read the holds in a row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from typing import Any

import psycopg
import pytest

from domain.clock import utc_now
from projections.holds import sql
from tests.projections.plans import filled
from tests.support.servers import Servers

ENVIRONMENTS, HOLDS = 50, 12_000
FILL = """
ALTER TABLE hold SET (autovacuum_enabled = off);
INSERT INTO hold (
    ticket_id, environment_id, requested_by, lease_seconds, requested_at, fence,
    granted_position, granted_version, granted_at, expires_at, expiry_cause,
    ended_position, ended_version, ended_at, cause
)
SELECT 't' || n, 'e' || n %% %(environments)s, 'ci' || n %% 3, 60,
    at - make_interval(secs => n %% 7), n, n * 4, 1, at, at + interval '60 s', 'lease',
    n * 4 + 3, 2, at + make_interval(secs => n %% 11), 'released'
FROM generate_series(1, %(holds)s) AS n
CROSS JOIN LATERAL (
    SELECT now() - make_interval(mins => %(holds)s - n) AS at
) AS granted;
ANALYZE hold
"""
SUMMARY: Any = re.sub(r";\s*$", "", sql["summary_of_holds"])
EXPLAIN: Any = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {SUMMARY}"
NOW = utc_now() + timedelta(hours=1)
EVER = {
    "environment_ids": [f"e{n}" for n in range(ENVIRONMENTS)],
    "first": 1,
    "last": HOLDS * 4,
    "since": NOW - timedelta(days=30),
    "until": NOW,
}


@pytest.fixture(scope="module")
def many(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    with filled(servers, FILL, environments=ENVIRONMENTS, holds=HOLDS) as connection:
        yield connection


def test_they_are_those_of_the_single_holds(many: psycopg.Connection[Any]) -> None:
    waits, held = defaultdict[str, list[int]](list), defaultdict[str, int](int)
    for n in range(1, HOLDS + 1):
        for of in ("", f"e{n % ENVIRONMENTS}", f"ci{n % 3}"):
            waits[of].append(n % 7)
            held[of] += n % 11
    rows = many.execute(SUMMARY, EVER).fetchall()
    assert len(rows) == 1 + ENVIRONMENTS + 3
    for environment_id, requested_by, _, number, seconds, p50, *_ in rows:
        of = environment_id or requested_by or ""
        assert number == len(waits[of])
        assert seconds == pytest.approx(held[of])
        assert p50 == median(waits[of])


def test_each_block_is_read_about_once(many: psycopg.Connection[Any]) -> None:
    [[[told]]] = many.execute(EXPLAIN, EVER).fetchall()
    plan = told["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < HOLDS / 4


def test_of_a_short_time_little_is_read(many: psycopg.Connection[Any]) -> None:
    [[[told]]] = many.execute(EXPLAIN, EVER | {"first": HOLDS * 4 - 100}).fetchall()
    plan = told["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < HOLDS / 4
