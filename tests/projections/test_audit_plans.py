"""A page of the audit costs the same in a long log: no record is read for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import psycopg
import pytest

from projections.audit_log import ACCESS_TYPES
from projections.audit_log import sql as statements
from projections.storage.time_travel import LATEST

RECORDS, ENVIRONMENTS = 30_000, 40
BY_TYPE, BY_POSITION = "audit_record_of_environment", "audit_record_pkey"
BY_CALLER = "audit_record_of_caller"
FILL = """
ALTER TABLE audit_record SET (autovacuum_enabled = off);
INSERT INTO audited_environment
SELECT 'e' || n, 'acme/shop' FROM generate_series(0, %(environments)s - 1) AS n;
INSERT INTO audit_record (
    position, id, environment_id, accessed_by, access_type, access_details, accessed_at
)
SELECT n, 'r' || n, 'e' || n %% %(environments)s,
    CASE WHEN n %% 1003 = 0 THEN 'ann' ELSE 'ci' END,
    CASE WHEN n <= %(environments)s THEN 'create' ELSE 'lock' END, '{}', now()
FROM generate_series(1, %(records)s) AS n
"""
OF_ONE_EVENT = """
INSERT INTO audit_record
SELECT %(records)s + 1, id, id, 'ann', NULL, 'update', '{}', NULL, NULL, now()
FROM audited_environment
"""
ALL = [f"e{number}" for number in range(ENVIRONMENTS)]
NUMBERED = {
    "environment_ids": "$1",
    "access_types": "$2",
    "accessed_by": "$3",
    "first": "$4",
    "last": "$5",
    "limit": "$6",
    "offset": "$7",
}
STATEMENT: Any = statements["audit_of_environments"] % NUMBERED
TYPES = "text[], text[], text, bigint, bigint, bigint, bigint"
PREPARE: Any = f"PREPARE page ({TYPES}) AS {STATEMENT}"
PAGE = "EXECUTE page (%s, %s, %s, %s, %s, 100, 0)"
EXPLAIN = f"EXPLAIN (ANALYZE, FORMAT JSON) {PAGE}"
EVER, ONCE = (1, LATEST), (20_001, 21_000)
CASES = [
    case
    for case in product(
        (["e7"], ALL, None, ["nowhere"]),
        (list(ACCESS_TYPES), ["create"], ["text"]),
        (None, "ci", "ann", "nobody"),
        (EVER, ONCE),
    )
    if case[0] is not None or case[2] is not None
]


@pytest.fixture
def long_log(own_journal_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        own_journal_url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(PREPARE)
        connection.execute(FILL, {"environments": ENVIRONMENTS, "records": RECORDS})
        yield connection


def page(
    log: psycopg.Connection,
    environments: Sequence[str] | None,
    types: Sequence[str] = ACCESS_TYPES,
    caller: str | None = None,
    between: tuple[int, int] = EVER,
) -> list[int]:
    asked = [environments, list(types), caller, *between]
    rows = log.execute(PAGE, asked).fetchall()
    return [position for position, *_ in rows]


def reads_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """How the records are read, and how many that were not wanted."""
    if plan.get("Relation Name") == "audit_record" and plan["Actual Loops"]:
        for_nothing = plan.get("Rows Removed by Filter", 0)
        yield plan.get("Index Name", plan["Node Type"]), for_nothing
    for part in plan.get("Plans", ()):
        yield from reads_of(part)


def looks_of(plan: Mapping[str, Any]) -> Iterator[int]:
    """How often the records are looked at."""
    if plan.get("Relation Name") == "audit_record":
        yield plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from looks_of(part)


def check_plans(log: psycopg.Connection) -> None:
    for mode in "force_custom_plan", "force_generic_plan":
        log.execute("SELECT set_config('plan_cache_mode', %s, false)", [mode])
        for case in CASES:
            environments, types, caller, between = case
            asked = [environments, types, caller, *between]
            [[told]] = log.execute(EXPLAIN, asked).fetchall()
            reads = set(reads_of(told[0]["Plan"]))
            index = BY_TYPE if caller is None else BY_CALLER
            assert {(index, 0)} <= reads, (mode, case)
            assert reads <= {(index, 0), (BY_POSITION, 0)}, (mode, case)


def test_only_the_index_is_read_and_then_the_page(
    long_log: psycopg.Connection,
) -> None:
    """With the statistics of an empty log, and with fresh ones."""
    check_plans(long_log)
    long_log.execute("ANALYZE")
    check_plans(long_log)


def test_the_page_is_the_newest_of_all(long_log: psycopg.Connection) -> None:
    newest = list(range(RECORDS, RECORDS - 100, -1))
    assert page(long_log, ALL) == newest
    assert page(long_log, ALL, ["create"]) == list(range(ENVIRONMENTS, 0, -1))
    mine = range(RECORDS - ENVIRONMENTS + 7, 0, -ENVIRONMENTS)
    assert page(long_log, ["e7"]) == list(mine[:100])


def test_the_page_is_of_one_caller_and_of_some_time(
    long_log: psycopg.Connection,
) -> None:
    first, last = ONCE
    newest = list(range(last, last - 100, -1))
    assert page(long_log, ALL, between=ONCE) == newest
    every = range(1003 * (RECORDS // 1003), 0, -1003)
    assert page(long_log, None, caller="ann") == list(every[:100])
    here = [n for n in every if n % ENVIRONMENTS == 7]
    assert page(long_log, ["e7"], caller="ann") == here
    then = [n for n in every if first <= n <= last]
    assert page(long_log, ALL, caller="ann", between=ONCE) == then
    assert page(long_log, ALL, ["create"], "ann") == []


def test_who_did_nothing_is_looked_for_once(long_log: psycopg.Connection) -> None:
    """However many environments and kinds of access there are."""
    asked = [None, list(ACCESS_TYPES), "nobody", *EVER]
    [[told]] = long_log.execute(EXPLAIN, asked).fetchall()
    assert sum(looks_of(told[0]["Plan"])) == 1


def test_the_records_of_one_event_are_read_by_the_index_too(
    long_log: psycopg.Connection,
) -> None:
    long_log.execute(OF_ONE_EVENT, {"records": RECORDS})
    check_plans(long_log)
    newest = [RECORDS + 1] * ENVIRONMENTS
    assert page(long_log, ALL, ["update"]) == newest
    assert page(long_log, None, caller="ann")[: ENVIRONMENTS + 1] == [*newest, 29_087]
    assert page(long_log, ["e7"])[:2] == [RECORDS + 1, RECORDS - ENVIRONMENTS + 7]


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
