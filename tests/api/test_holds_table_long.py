"""A table of many holds of many environments: each is read about once."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from api import hold_table
from api.hold_answers import Page, holds_page
from api.past import Period
from domain.clock import utc_now
from projections.history import Known
from projections.holds import sql
from projections.storage.database import Database
from projections.storage.reader import Reader
from tests.projections.plans import filled_at, reads_of

ENVIRONMENTS, HOLDS = 50, 12_000
# Most are of one environment at first, and of all by turns later, after a long silence.
FILL = """
ALTER TABLE hold SET (autovacuum_enabled = off);
INSERT INTO hold (
    ticket_id, environment_id, requested_by, lease_seconds, requested_at, fence,
    granted_position, granted_version, granted_at, expires_at, expiry_cause,
    ended_position, ended_version, ended_at, cause
)
SELECT 't' || n, 'e' || CASE WHEN n > %(holds)s / 2 OR n %% 100 = 0
        THEN n %% %(environments)s ELSE 0 END,
    'ci', 60, at, n, position, 1, at, at + interval '60 s', 'lease',
    position + 3, 2, CASE WHEN n IN (1, 3) THEN now() - interval '1 day' ELSE at END,
    'released'
FROM generate_series(1, %(holds)s) AS n
CROSS JOIN LATERAL (
    SELECT n * 4 + CASE WHEN n > %(holds)s / 2 THEN 1000000 ELSE 0 END AS position,
        now() - interval '10 days' AS at
) AS granted;
ANALYZE hold
"""
# The position of the third; all of the first are of one environment.
THIRD = 12
EXPLAIN: Any = "EXPLAIN (ANALYZE, FORMAT JSON) " + re.sub(
    r";\s*$", "", sql["holds_between"]
)
KNOWN = [Known(f"e{n}", "acme/shop", f"e{n}", False) for n in range(ENVIRONMENTS)]


@pytest.fixture
def long_past(own_journal_url: str) -> Iterator[psycopg.Connection]:
    with filled_at(
        own_journal_url, FILL, environments=ENVIRONMENTS, holds=HOLDS
    ) as connection:
        yield connection


def fences(url: str, period: Period) -> list[int]:
    async def table(reader: Reader) -> str:
        pieces = hold_table.hold_table(reader, KNOWN, period)
        return b"".join([piece async for piece in pieces]).decode()

    with closing(Database(url)) as database:
        text = asyncio.run(table(Reader(database)))
    return [int(row["fence"]) for row in csv.DictReader(io.StringIO(text, newline=""))]


def period(first: int, last: int) -> Period:
    now = utc_now()
    return Period(now - timedelta(days=5), now, first, last)


@pytest.mark.usefixtures("long_past")
@pytest.mark.parametrize("span", [100, 5_000, 10**9])
def test_it_has_each_hold_of_the_period_once(
    own_journal_url: str,
    monkeypatch: pytest.MonkeyPatch,
    span: int,
) -> None:
    """However many positions are looked through at a time."""
    monkeypatch.setattr(hold_table, "SPAN", span)
    last = HOLDS * 4 + 1_000_100
    assert fences(own_journal_url, period(THIRD, last)) == [*range(HOLDS, 2, -1)]
    # Of what was granted before, the last may have gone on; here that is the first.
    assert fences(own_journal_url, period(THIRD - 5, last)) == [*range(HOLDS, 0, -1)]
    half = HOLDS // 2
    assert fences(own_journal_url, period(half * 4, 900_000)) == [half]
    assert fences(own_journal_url, period(900_001, 900_000)) == []


def test_it_reads_little_more_than_there_is(
    long_past: psycopg.Connection,
    own_journal_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = 0.0

    async def counted(
        reader: Reader, names: Mapping[str, str], piece: Period, limit: int, offset: int
    ) -> Page:
        nonlocal read
        asked = {"environment_ids": [*names], "limit": limit, "offset": offset}
        [[[told]]] = long_past.execute(EXPLAIN, piece._asdict() | asked).fetchall()
        read += sum(rows for _, rows in reads_of(told["Plan"]))
        return await holds_page(reader, names, piece, limit, offset)

    monkeypatch.setattr(hold_table, "holds_page", counted)
    last = HOLDS * 4 + 1_000_100
    assert len(fences(own_journal_url, period(THIRD, last))) == HOLDS - 2
    assert read <= 3 * HOLDS
