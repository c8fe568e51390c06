"""What is asked of the task board costs the same, however many tasks there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.task_board import listings, sql
from tests.projections.plans import PAGE, check_reads, filled
from tests.support.servers import Servers

statements = {**sql, **listings}
TASKS = 50_000
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
    CASE WHEN n %% 25 = 0 THEN 'failed' ELSE 'completed' END,
    now(), 1, 100, '', 'ci' || n %% 1000, NULL, NULL, NULL, NULL,
    CASE n %% 1000 WHEN 5 THEN 's' || n %% 10000 END,
    NULL, NULL, now(), NULL, NULL, now(), 0, NULL, NULL, NULL, now(), 'null',
    CASE WHEN n %% 25 = 0 THEN 'failed' ELSE 'completed' END
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
ASKED: dict[str, dict[str, Any]] = {
    "find_task": {"operation_id": "e777"},
    "list_by_state": PAGE,
    "list_by_type": PAGE | {"type": "rare"},
    "list_by_priority": PAGE | {"priority": "critical"},
    "list_by_repository": PAGE | {"repositories": ["acme/rare", "acme/shop"]},
    "list_of_submitter": PAGE | {"submitter": "ci5"},
    "list_of_schedule": PAGE | {"schedule": "s1005", "submitter": "ci5"},
    "count_unfinished": {"caller": "ci5", "application": None},
    "ready_tasks": {"limit": 200},
    "due_tasks": {"limit": 100},
}


# What a worker asks for again and again, and what is about few tasks, is found by
# indexes before PostgreSQL has ever looked at the board, too. Other pages are only once
# it has, which autovacuum sees to.
AT_ONCE = (
    *("find_task", "list_by_repository", "list_of_schedule"),
    *("count_unfinished", "ready_tasks", "due_tasks"),
)
OF_NO_ROWS, FRESH = "of no rows", "fresh"
with_fresh_statistics = pytest.mark.parametrize(
    "board", [FRESH], indirect=True, scope="module"
)


@pytest.fixture(scope="module")
def board(
    servers: Servers, request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection]:
    """What PostgreSQL knows of it is as the parameter says."""
    with filled(servers, FILL, tasks=TASKS) as connection:
        if request.param == FRESH:
            connection.execute("ANALYZE task, ended_task")
        yield connection


def check(
    board: psycopg.Connection, name: str, asked: dict[str, Any] | None = None
) -> None:
    check_reads(board, statements[name], asked or ASKED[name])


@pytest.mark.parametrize("name", AT_ONCE)
@pytest.mark.parametrize("board", [OF_NO_ROWS], indirect=True, scope="module")
def test_what_is_asked_all_the_time_is_found_by_indexes_from_the_first_task_on(
    board: psycopg.Connection, name: str
) -> None:
    check(board, name)


@pytest.mark.parametrize("name", ASKED)
@with_fresh_statistics
def test_only_indexes_are_read(board: psycopg.Connection, name: str) -> None:
    check(board, name)


@with_fresh_statistics
def test_who_has_submitted_most_of_all_sees_the_few_that_failed_as_soon(
    board: psycopg.Connection,
) -> None:
    with board.transaction(force_rollback=True):
        board.execute(
            "UPDATE ended_task SET submitter_id = 'all' WHERE position < 1012500"
        )
        asked = PAGE | {"submitter": "all", "states": ["cancelled", "failed"]}
        check(board, "list_of_submitter", asked)


@with_fresh_statistics
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
