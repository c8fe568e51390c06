"""An environment that is deleted is out of the audit at once, however much that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections import sweep as sweeping
from projections.audit_log import sql
from tests.projections.plans import filled_at, reads_of
from tests.projections.test_audit_plans import FILL
from tests.support.swept import passes

RECORDS, ENVIRONMENTS = 3_000, 10
EACH = RECORDS // ENVIRONMENTS
GONE = '[{"id": "e3"}, {"id": "e7"}]'
REMOVE: Any = sql["remove_environments"]
LEFT = """
SELECT environment_id, count(*) FROM audit_record
WHERE environment_id IN ('e3', 'e7') GROUP BY 1 ORDER BY 1
"""
ASKED = {
    "environment_ids": None,
    "access_types": ["lock", "create"],
    "accessed_by": None,
    "first": 1,
    "last": RECORDS,
    "limit": RECORDS,
    "offset": 0,
}


@pytest.fixture
def log(own_journal_url: str) -> Iterator[psycopg.Connection]:
    with filled_at(
        own_journal_url, FILL, environments=ENVIRONMENTS, records=RECORDS
    ) as connection:
        yield connection


def shown(log: psycopg.Connection, **asked: Any) -> set[str]:
    """The environments whose records are."""
    rows = log.execute(sql["audit_of_environments"], ASKED | asked).fetchall()
    return {row[2] for row in rows}


def test_no_record_is_touched_as_it_is_deleted(log: psycopg.Connection) -> None:
    explain: Any = f"EXPLAIN (ANALYZE, FORMAT JSON) {REMOVE}"
    [[[told]]] = log.execute(explain, {"rows": GONE}).fetchall()
    reads = {table for table, _ in reads_of(told["Plan"])}
    assert not any("audit_record" in table for table in reads)


def test_it_is_not_shown_any_more(log: psycopg.Connection) -> None:
    log.execute(REMOVE, {"rows": GONE})
    others = {f"e{n}" for n in range(ENVIRONMENTS)} - {"e3", "e7"}
    assert shown(log, environment_ids=["e3", "e4"]) == {"e4"}
    assert shown(log, accessed_by="ci") == others


def test_its_records_are_swept_out_some_at_a_time(
    log: psycopg.Connection, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", EACH - 10)
    assert passes(own_journal_url, 1) == [0]
    log.execute(REMOVE, {"rows": GONE})
    assert passes(own_journal_url, 4) == [EACH - 10, EACH - 10, 20, 0]
    assert log.execute(LEFT).fetchall() == []
    left = log.execute("SELECT count(*) FROM audit_record").fetchall()
    assert left == [(RECORDS - 2 * EACH,)]
    known = log.execute("SELECT count(*) FROM audited_environment").fetchall()
    assert known == [(ENVIRONMENTS - 2,)]
