"""To erase somebody keeps no view waiting, however much the person has done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from projections.environment_listing import sql
from tests.projections.plans import filled_at, reads_of
from workers.embedded.process import wait_for

ASKED = {"name": "ann", "erased_as": "erased:1"}
EVENTS = 2_000
# Two environments: who registered them, and who has them, did so long ago.
FILL = """
INSERT INTO environment (
    id, project, name_key, details, created_at, created_by, updated_at, updated_by,
    review
)
SELECT id, 'p', id, '{}', now(), 'ann', now(), 'ann', '{"requested_by": "ann"}'
FROM unnest(ARRAY['a', 'b']) AS id;
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
SELECT id, n, CASE n WHEN 1 THEN 'environment.registered' WHEN 2 THEN 'review.assigned'
        ELSE 'lock.acquired' END,
    convert_to('{"origin": {"by": "of ' || id || '"}}', 'UTF8'),
    n + CASE id WHEN 'a' THEN 0 ELSE %(events)s END
FROM unnest(ARRAY['a', 'b']) AS id, generate_series(1, %(events)s) AS n;
ANALYZE
"""
# Whoever reads what was of `b` waits until the test lets it go on.
READ_SLOWLY = """
CREATE OR REPLACE FUNCTION event_json(state bytea) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    IF position('of b'::bytea IN state) > 0 THEN
        PERFORM pg_advisory_xact_lock(1);
    END IF;
    RETURN convert_from(state, 'UTF8')::json;
END
$$
"""
IS_WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
"""
RAISE = """
SET lock_timeout = '5s'; UPDATE environment SET fence = 2 WHERE id = 'a'
"""


@pytest.fixture
def listing(own_journal_url: str) -> Iterator[psycopg.Connection[Any]]:
    with filled_at(own_journal_url, FILL, events=EVENTS) as connection:
        yield connection


def test_who_registered_it_is_read_in_one_event(
    listing: psycopg.Connection[Any],
) -> None:
    explain = SQL("EXPLAIN (ANALYZE, FORMAT JSON) " + sql["erase_registrars"])
    [[[told]]] = listing.execute(explain, ASKED).fetchall()
    reads = [rows for way, rows in reads_of(told["Plan"]) if "berth_events" in way]
    assert sum(reads) == 2


@pytest.mark.parametrize(
    "name", ["erase_registrars", "erase_revisers", "erase_reviewers"]
)
def test_no_environment_is_locked_while_the_journal_is_read(
    listing: psycopg.Connection[Any], own_journal_url: str, name: str
) -> None:
    listing.execute(READ_SLOWLY)
    listing.execute("SELECT pg_advisory_lock(1)")

    def erase() -> int:
        with psycopg.connect(own_journal_url, autocommit=True) as connection:
            return connection.execute(sql[name], ASKED).rowcount

    with ThreadPoolExecutor() as pool:
        erasing = pool.submit(erase)
        try:
            assert wait_for(lambda: _is_waiting(listing), 60)
            listing.execute(RAISE)
        finally:
            listing.execute("SELECT pg_advisory_unlock(1)")
        assert erasing.result() == 2


def _is_waiting(connection: psycopg.Connection[Any]) -> bool:
    [(number,)] = connection.execute(IS_WAITING).fetchall()
    return bool(number)
