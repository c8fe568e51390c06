"""What is asked of the task board costs the same, however many tasks there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.storage.migrate import migrate
from projections.task_board import listings, sql
from tests.support.servers import Servers, fresh_database

statements = {**sql, **listings}
TASKS = 200_000
FILL = """
ALTER TABLE task SET (autovacuum_enabled = off);
INSERT INTO task
SELECT
    'o' || n, n, 'check', 'low', 'local',
    CASE n %% 100 WHEN 0 THEN 'running' WHEN 1 THEN 'cancelling' ELSE 'pending' END,
    now() + make_interval(secs => n - 1000), 0, 0, '', 'ci' || n %% 1000, NULL, NULL,
    NULL, NULL, CASE n %% 1000 WHEN 5 THEN 's' || n %% 10000 END, NULL, NULL, now(),
    NULL, NULL, now() + make_interval(secs => n - 1000), 0
FROM generate_series(1, %(tasks)s) AS n;
SELECT make_shelf('ended_task', kind || '_202601' || lpad(day::text, 2, '0'))
FROM unnest(ARRAY['completed', 'failed']) AS kind, generate_series(1, 8) AS day;
INSERT INTO ended_task
SELECT
    'e' || n, 1000000 + n, 'check', 'low', 'local',
    CASE WHEN n %% 100 = 0 THEN 'failed' ELSE 'completed' END,
    now(), 1, 100, '', 'ci' || n %% 1000, NULL, NULL, NULL, NULL,
    CASE n %% 1000 WHEN 5 THEN 's' || n %% 10000 END,
    NULL, NULL, now(), NULL, NULL, now(), 0, NULL, NULL, NULL, now(), 'null',
    CASE WHEN n %% 100 = 0 THEN 'failed' ELSE 'completed' END
    || '_2026010' || n %% 8 + 1
FROM generate_series(1, %(tasks)s) AS n
"""
CROWD = """
INSERT INTO task
SELECT
    CASE n WHEN 301 THEN 'of another queue' WHEN 302 THEN 'of another priority'
    ELSE 'crowd' || n END,
    5000000 + n, 'check', CASE n WHEN 302 THEN 'high' ELSE 'low' END,
    CASE n WHEN 301 THEN 'b' ELSE 'a' END, 'pending',
    now() - interval '1 day' + make_interval(secs => n), 0, 0, '', 'ci', NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, now(), NULL, NULL, NULL, 0
FROM generate_series(1, 302) AS n
"""
# The rows that an index may lead to in vain; the rest are what was asked for.
READ_MAX = 1_000
PAGE: dict[str, Any] = {
    "before": 2**62,
    "type": None,
    "priority": None,
    "repository": None,
    "repositories": None,
    "reach": None,
    "limit": 51,
    "schedule": None,
    "application": None,
    "is_any": True,
    "states": ["pending", "running", "cancelling", "completed", "failed", "cancelled"],
}
ASKED: dict[str, dict[str, Any]] = {
    "find_task": {"operation_id": "e777"},
    "list_by_state": PAGE,
    "list_by_type": PAGE | {"type": "rare"},
    "list_by_priority": PAGE | {"priority": "critical"},
    "list_by_repository": PAGE | {"repositories": ["acme/rare", "acme/shop"]},
    "list_of_submitter": PAGE | {"submitter": "ci5"},
    "list_of_schedule": PAGE | {"schedule": "s1005"},
    "count_unfinished": {"caller": "ci5", "application": None},
    "ready_tasks": {"limit": 200},
    "due_tasks": {"limit": 100},
}


@pytest.fixture(scope="module")
def board(servers: Servers) -> Iterator[psycopg.Connection]:
    with fresh_database(servers.database_url) as url:
        migrate(url)
        with psycopg.connect(
            url, autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as connection:
            connection.execute(FILL, {"tasks": TASKS})
            yield connection


def reads_of(plan: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Each way in which a table is read, and how many rows that took."""
    if relation := plan.get("Relation Name"):
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        way = plan["Node Type"] if "Seq" in plan["Node Type"] else ""
        yield f"{way} {relation}".strip(), rows * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from reads_of(part)


def check(
    board: psycopg.Connection, name: str, asked: dict[str, Any] | None = None
) -> None:
    explain: Any = f"EXPLAIN (ANALYZE, FORMAT JSON) {statements[name]}"
    explain = re.sub(r";\s*$", "", explain)
    [[[told]]] = board.execute(explain, asked or ASKED[name]).fetchall()
    reads = list(reads_of(told["Plan"]))
    assert reads
    assert [way for way, rows in reads if "Seq Scan" in way and rows] == []
    assert sum(rows for _, rows in reads) <= READ_MAX


@pytest.mark.parametrize("name", ASKED)
def test_only_indexes_are_read_with_the_statistics_of_an_empty_board_and_with_fresh(
    board: psycopg.Connection, name: str
) -> None:
    check(board, name)
    board.execute("ANALYZE task, ended_task")
    check(board, name)


def test_who_has_submitted_most_of_all_sees_the_few_that_failed_as_soon(
    board: psycopg.Connection,
) -> None:
    with board.transaction(force_rollback=True):
        board.execute(
            "UPDATE ended_task SET submitter_id = 'all' WHERE position < 1050000"
        )
        asked = PAGE | {"submitter": "all", "states": ["cancelled", "failed"]}
        check(board, "list_of_submitter", asked)


def test_what_nobody_takes_hides_nothing(board: psycopg.Connection) -> None:
    """300 that are older by far, and one of each other."""
    with board.transaction(force_rollback=True):
        board.execute(CROWD)
        rows = board.execute(statements["ready_tasks"], {"limit": 100}).fetchall()
    found = [operation for operation, *_ in rows]
    crowd = [operation for operation in found if operation.startswith("crowd")]
    # From either end of the crowd, and each once.
    assert crowd == [f"crowd{n}" for n in (*range(1, 101), *range(201, 301))]
    assert {"of another queue", "of another priority"} < set(found)


def test_tasks_are_counted_by_queue_and_state(board: psycopg.Connection) -> None:
    counts = board.execute(statements["count_tasks"].encode()).fetchall()
    told = {(queue, state): count for queue, state, count, _ in counts}
    assert told == {
        ("local", "pending"): TASKS * 98 // 100,
        ("local", "running"): TASKS // 100,
        ("local", "cancelling"): TASKS // 100,
    }
