"""A piece of the journal is read by its positions, whatever is wanted of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from projections.storage.database import Database
from projections.storage.events_read import ELSEWHERE, PIECE, SCAN_MAX, EventsRead
from projections.storage.mapper import KNOWN
from tests.golden.examples import ENVIRONMENT, EXAMPLES
from tests.projections.test_journal_plans import (
    BY_POSITION,
    EVENTS,
    analyse,
    fill,
    reads_of,
)
from tests.projections.test_views import append

BLIND = {"topics": None, "about": None}
RARE = {"topics": ["token.revoked"], "about": None}
ABOUT = {"topics": None, "about": ENVIRONMENT}


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


@pytest.mark.parametrize("is_analysed", [False, True])
def test_a_piece_is_read_by_position(
    own_journal_url: str, *, is_analysed: bool
) -> None:
    """Whatever the statistics say, and wherever it is."""
    fill(own_journal_url)
    if is_analysed:
        analyse(own_journal_url)
    with psycopg.connect(own_journal_url) as connection:
        for wanted in BLIND, RARE, ABOUT:
            for after in 0, EVENTS // 2, EVENTS - 10:
                values = wanted | {
                    "after": after,
                    "until": after + SCAN_MAX,
                    "limit": 100,
                    "bytes_max": 1_000_000,
                    "elsewhere": ELSEWHERE,
                    "known": [*KNOWN],
                }
                explain = f"EXPLAIN (FORMAT JSON) {PIECE}"
                [[plan]] = connection.execute(explain.encode(), values).fetchall()
                assert set(reads_of(plan[0]["Plan"])) == {BY_POSITION}


def test_what_names_an_environment_is_found_in_whatever_stream(
    database: Database, own_journal_url: str
) -> None:
    story = [
        (ENVIRONMENT if n % 2 else f"elsewhere/{n}", event)
        for n, event in enumerate(EXAMPLES)
    ]
    append(own_journal_url, story)

    async def piece(about: str | None) -> list[int]:
        read = EventsRead(database)
        found = await read.after(0, limit=1_000, bytes_max=10**6, about=about)
        return [one.record.position for one in found.found]

    assert asyncio.run(piece(None)) == [n for n, _ in enumerate(story, start=1)]
    named = [
        number
        for number, (stream, event) in enumerate(story, start=1)
        if stream == ENVIRONMENT
        or (
            event.__struct_config__.tag in ELSEWHERE
            and getattr(event, "environment_id", None) == ENVIRONMENT
        )
    ]
    assert asyncio.run(piece(ENVIRONMENT)) == named
    assert asyncio.run(piece("00000000-0000-0000-0000-000000000000")) == []


def test_an_empty_journal_ends_where_it_begins(database: Database) -> None:
    async def looking() -> tuple[int, int, bool]:
        read = EventsRead(database)
        piece = await read.after(0, limit=1, bytes_max=1)
        return await read.tip(), piece.until, await read.knows(ENVIRONMENT)

    assert asyncio.run(looking()) == (0, 0, False)
