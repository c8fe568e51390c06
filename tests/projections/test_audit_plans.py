"""A page of the audit costs the same in a long log: no record is read for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import psycopg
import pytest

from projections.audit_log import ACCESS_TYPES
from projections.audit_log import sql as statements

RECORDS, ENVIRONMENTS = 30_000, 40
BY_TYPE, BY_POSITION = "audit_record_of_environment", "audit_record_pkey"
FILL = """
ALTER TABLE audit_record SET (autovacuum_enabled = off);
INSERT INTO audited_environment
SELECT 'e' || n, 'acme/shop' FROM generate_series(0, %(environments)s - 1) AS n;
INSERT INTO audit_record (
    position, id, environment_id, accessed_by, access_type, access_details, accessed_at
)
SELECT n, 'r' || n, 'e' || n %% %(environments)s, 'ci',
    CASE WHEN n <= %(environments)s THEN 'create' ELSE 'lock' END, '{}', now()
FROM generate_series(1, %(records)s) AS n
"""
ALL = [f"e{number}" for number in range(ENVIRONMENTS)]
NUMBERED = {
    "environment_ids": "$1",
    "access_types": "$2",
    "limit": "$3",
    "offset": "$4",
}
STATEMENT: Any = statements["audit_of_environments"] % NUMBERED
PREPARE: Any = f"PREPARE page (text[], text[], bigint, bigint) AS {STATEMENT}"
PAGE = "EXECUTE page (%s, %s, 100, 0)"
EXPLAIN = "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page (%s, %s, 100, 0)"
CASES = list(product((["e7"], ALL, ["nowhere"]), (ACCESS_TYPES, ["create"], ["text"])))


@pytest.fixture
def long_log(own_journal_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        own_journal_url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(PREPARE)
        connection.execute(FILL, {"environments": ENVIRONMENTS, "records": RECORDS})
        yield connection


def page(
    log: psycopg.Connection, environments: Sequence[str], types: Sequence[str]
) -> list[int]:
    rows = log.execute(PAGE, [list(environments), list(types)]).fetchall()
    return [position for position, *_ in rows]


def reads_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """How the records are read, and how many that were not wanted."""
    if plan.get("Relation Name") == "audit_record":
        for_nothing = plan.get("Rows Removed by Filter", 0)
        yield plan.get("Index Name", plan["Node Type"]), for_nothing
    for part in plan.get("Plans", ()):
        yield from reads_of(part)


def check_plans(log: psycopg.Connection) -> None:
    for mode in "force_custom_plan", "force_generic_plan":
        log.execute("SELECT set_config('plan_cache_mode', %s, false)", [mode])
        for environments, types in CASES:
            [[told]] = log.execute(EXPLAIN, [environments, list(types)]).fetchall()
            reads = set(reads_of(told[0]["Plan"]))
            assert reads == {(BY_TYPE, 0), (BY_POSITION, 0)}, (mode, types)


def test_only_the_index_is_read_and_then_the_page(
    long_log: psycopg.Connection,
) -> None:
    """With the statistics of an empty log, and with fresh ones."""
    check_plans(long_log)
    long_log.execute("ANALYZE")
    check_plans(long_log)


def test_the_page_is_the_newest_of_all(long_log: psycopg.Connection) -> None:
    newest = list(range(RECORDS, RECORDS - 100, -1))
    assert page(long_log, ALL, ACCESS_TYPES) == newest
    assert page(long_log, ALL, ["create"]) == list(range(ENVIRONMENTS, 0, -1))
    mine = range(RECORDS - ENVIRONMENTS + 7, 0, -ENVIRONMENTS)
    assert page(long_log, ["e7"], ACCESS_TYPES) == list(mine[:100])


def test_strangers_are_looked_for_among_the_new_records_alone(
    long_log: psycopg.Connection,
) -> None:
    remove: Any = "EXPLAIN (ANALYZE, FORMAT JSON) " + statements["remove_strangers"]
    rows = f'[{{"first": {RECORDS - 500}, "last": {RECORDS}}}]'
    long_log.execute("DELETE FROM audited_environment WHERE id = 'e7'")
    for _ in range(2):
        [[told]] = long_log.execute(remove, {"rows": rows}).fetchall()
        assert "Seq Scan" not in {how for how, _ in reads_of(told[0]["Plan"])}
        long_log.execute("ANALYZE")
    left = long_log.execute(
        "SELECT count(*) FROM audit_record WHERE environment_id = 'e7'"
    ).fetchall()
    assert left == [(RECORDS // ENVIRONMENTS - 12,)]
