"""A page of recurring tasks costs the same, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.schedule_board import sql
from tests.projections.plans import PAGE, check_reads, filled
from tests.support.servers import Servers

SCHEDULES = 30_000
FILL = """
ALTER TABLE schedule SET (autovacuum_enabled = off);
INSERT INTO schedule
SELECT
    's' || n, n, 'check', 'low', NULL, NULL, NULL, 'ci' || n %% 1000, NULL, now(),
    CASE WHEN n %% 10 = 0 THEN 'pending' ELSE 'cancelled' END, NULL, NULL, 0, 0, NULL,
    true, NULL, NULL
FROM generate_series(1, %(schedules)s) AS n
"""
ALL = PAGE | {"submitter": None, "states": ["pending", "completed", "cancelled"]}
MINE = ALL | {"submitter": "ci5", "is_any": False}


@pytest.fixture(scope="module")
def board(servers: Servers) -> Iterator[psycopg.Connection]:
    with filled(servers, FILL, schedules=SCHEDULES) as connection:
        yield connection


def check(board: psycopg.Connection, asked: dict[str, Any]) -> None:
    check_reads(board, sql["list_schedules"], asked)


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
