"""The journal is read again in pieces, and without what only a newer Berth knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import psycopg
import pytest

from domain.environment.events import EnvironmentRevised
from domain.record import Recorded, origin_of
from domain.task.events import TaskProgressed
from domain.webhook.wishes import TAGS
from projections.storage.database import Database
from projections.storage.instants import moment_of
from projections.storage.past import PIECE_BYTES_MAX, PIECE_MAX, Past
from projections.storage.uuid7 import EPOCH, event_id
from tests.projections.test_views import append
from tests.support.builders import OWNER, at, registered, requested
from tests.support.journal_rows import put

NEWER = """
UPDATE berth_events SET topic = 'lock.teleported', state = convert_to(
    replace(convert_from(state, 'UTF8'), 'lock.requested', 'lock.teleported'), 'UTF8'
) WHERE notification_id = 2
"""
IDENTIFY = """
UPDATE berth_events SET state = convert_to(
    replace(convert_from(state, 'UTF8'), format('"e%%s"', notification_id), %s), 'UTF8'
) WHERE notification_id = %s
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


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


def identified(url: str, *instants: datetime) -> list[str]:
    """The events from the first on get ids as of these instants; which ones."""
    ids = [event_id(instant) for instant in instants]
    with psycopg.connect(url) as connection:
        for position, id_ in enumerate(ids, 1):
            connection.execute(IDENTIFY, [f'"{id_}"', position])
    return ids


def test_what_only_a_newer_version_knows_is_left_out(
    past: Past, own_journal_url: str
) -> None:
    """While versions change, an older process goes on with all the rest."""
    append(own_journal_url, [("uat", requested(str(n))) for n in range(3)])
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(NEWER)
    ids = identified(own_journal_url, at(1), at(2), at(3))

    async def read() -> None:
        assert [*await past.at([1, 2, 3])] == [1, 3]
        assert [await past.find(id_) for id_ in ids] == [1, 2, 3]

    asyncio.run(read())
    assert positions(pieces(past, 1, 3)) == [1, 3]


def test_an_event_is_found_by_its_id_among_those_of_its_millisecond(
    past: Past, own_journal_url: str
) -> None:
    append(own_journal_url, [("uat", requested(str(n))) for n in range(9)])
    ids = identified(own_journal_url, *(at(n) for n in range(1, 10)))
    nobody = [
        *(event_id(at(n) + timedelta(milliseconds=500)) for n in range(11)),
        *(event_id(at(n)) for n in range(11)),
        event_id(EPOCH),
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "d9a0fb3e-5a52-4ad4-8f3a-5d9a0c1f2e6b",  # Random, not of a time.
    ]

    async def read() -> None:
        assert [await past.find(id_) for id_ in ids] == [*range(1, 10)]
        assert {await past.find(id_) for id_ in nobody} == {None}

    asyncio.run(read())


def test_an_event_is_found_however_many_happened_in_its_millisecond(
    past: Past, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a thousand tickets lapse at once."""
    monkeypatch.setattr("projections.storage.past.LOOKED_AT_ONCE", 3)
    ids = [event_id(at(9)) for _ in range(8)]
    origin = origin_of(OWNER, at(9))
    events = enumerate(ids, 1)
    put(
        own_journal_url,
        [Recorded("uat", n, n, id_, requested(id_), origin) for n, id_ in events],
    )

    async def read() -> None:
        assert [await past.find(id_) for id_ in ids] == [*range(1, 9)]
        assert await past.find(event_id(at(9))) is None

    asyncio.run(read())


def test_what_a_text_says_with_a_nul_keeps_no_event_from_being_found(
    past: Past, own_journal_url: str, database: Database
) -> None:
    """PostgreSQL's text cannot have one; JSON tells of it, and so does a backslash."""
    texts = ["half\0", "\0", "\\\0", "\\u0000", "\\\\u0000", "\\"]
    append(own_journal_url, [("tasks/a", TaskProgressed(1, 1, text)) for text in texts])
    instants = [at(n) for n in range(1, len(texts) + 1)]
    ids = identified(own_journal_url, *instants)

    async def read() -> None:
        for position, instant in enumerate(instants, 1):
            moment = await moment_of(database, instant)
            assert (moment.position, moment.first) == (position, at(1))
            assert await past.find(ids[position - 1]) == position

    asyncio.run(read())
