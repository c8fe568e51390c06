"""The journal is read again in pieces, and without what only a newer Berth knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing

import psycopg
import pytest

from domain.environment.events import EnvironmentRevised
from domain.record import Recorded
from domain.webhook.wishes import TAGS
from projections.storage.database import Database
from projections.storage.past import PIECE_BYTES_MAX, PIECE_MAX, Past
from tests.projections.test_views import append
from tests.support.builders import registered, requested

NEWER = """
UPDATE berth_events SET topic = 'lock.teleported', state = convert_to(
    replace(convert_from(state, 'UTF8'), 'lock.requested', 'lock.teleported'), 'UTF8'
) WHERE notification_id = 2
"""
WITH_IDS = """
UPDATE berth_events SET state = convert_to(jsonb_set(
    convert_from(state, 'UTF8')::jsonb, '{id}',
    to_jsonb(format('0190000%s-0000-7000-8000-000000000000', notification_id))
)::text, 'UTF8')
"""


@pytest.fixture
def past(own_journal_url: str) -> Iterator[Past]:
    with closing(Database(own_journal_url)) as database:
        yield Past(database)


def pieces(past: Past, first: int, last: int) -> list[Sequence[Recorded]]:
    async def read() -> list[Sequence[Recorded]]:
        return [piece async for piece in past.between(first, last, TAGS)]

    return asyncio.run(read())


def positions(found: list[Sequence[Recorded]]) -> list[int]:
    return [record.position for piece in found for record in piece]


def test_a_range_comes_in_pieces_of_so_many(past: Past, own_journal_url: str) -> None:
    count = PIECE_MAX + 10
    append(own_journal_url, [("uat", requested(str(n))) for n in range(count)])
    found = pieces(past, 1, count)
    assert [len(piece) for piece in found] == [PIECE_MAX, 10]
    assert positions(found) == [*range(1, count + 1)]
    assert positions(pieces(past, 5, 7)) == [5, 6, 7]
    assert pieces(past, 7, 5) == pieces(past, count + 1, count + 9) == []


def test_a_range_of_long_events_comes_in_pieces_of_so_many_bytes(
    past: Past, own_journal_url: str
) -> None:
    long = EnvironmentRevised(metadata={"long": "x" * 200_000})
    append(own_journal_url, [("uat", registered()), *[("uat", long)] * 100])
    found = pieces(past, 1, 101)
    assert positions(found) == [*range(1, 102)]
    assert max(map(len, found)) <= PIECE_BYTES_MAX // 200_000 + 2


def test_what_only_a_newer_version_knows_is_left_out(
    past: Past, own_journal_url: str
) -> None:
    """While versions change, an older process goes on with all the rest."""
    append(own_journal_url, [("uat", requested(str(n))) for n in range(3)])
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(NEWER)
        connection.execute(WITH_IDS)

    async def read() -> None:
        assert [*await past.at([1, 2, 3])] == [1, 3]
        for position in (1, 2, 3):
            event_id = f"0190000{position}-0000-7000-8000-000000000000"
            assert await past.find(event_id) == position

    asyncio.run(read())
    assert positions(pieces(past, 1, 3)) == [1, 3]
