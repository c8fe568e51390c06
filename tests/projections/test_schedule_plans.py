"""A page of recurring tasks, and those that are due, cost the same among many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from domain.task.schedule import OPEN_MAX
from projections.schedule_board import sql
from tests.projections.plans import PAGE, check_reads, filled
from tests.support.servers import Servers

SCHEDULES = 30_000
FILL = """
ALTER TABLE schedule SET (autovacuum_enabled = off);
INSERT INTO schedule
SELECT
    's' || n, n, 'check', 'low', NULL, NULL, NULL, 'ci' || n %% 1000, NULL, now(),
    CASE WHEN n %% 10 = 0 THEN 'pending' ELSE 'cancelled' END,
    CASE WHEN n %% 10 = 0 THEN now() + make_interval(hours => n - 1000) END, NULL, 0, 0,
    NULL, true, NULL, NULL
FROM generate_series(1, %(schedules)s) AS n
"""
ALL = PAGE | {"submitter": None, "states": ["pending", "completed", "cancelled"]}
MINE = ALL | {"submitter": "ci5", "is_any": False}


@pytest.fixture(scope="module")
def board(servers: Servers) -> Iterator[psycopg.Connection]:
    with filled(servers, FILL, schedules=SCHEDULES) as connection:
        yield connection


def check(
    board: psycopg.Connection, asked: dict[str, Any], name: str = "list_schedules"
) -> None:
    check_reads(board, sql[name], asked)


def test_one_s_own_are_found_by_an_index_with_old_statistics_and_with_fresh(
    board: psycopg.Connection,
) -> None:
    check(board, MINE)
    board.execute("ANALYZE schedule")
    check(board, MINE)


def test_the_newest_of_all_are_found_by_an_index(board: psycopg.Connection) -> None:
    board.execute("ANALYZE schedule")
    check(board, ALL)
    check(board, ALL | {"states": ["pending"]})


def test_those_that_are_due_are_found_by_an_index(board: psycopg.Connection) -> None:
    board.execute("ANALYZE schedule, task")
    check(board, {"open_max": OPEN_MAX}, "due_schedules")
