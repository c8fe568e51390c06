"""Which streams have changed since a position: what the lookout rings for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from projections.storage import reader
from projections.storage.database import Database
from projections.storage.reader import Reader
from tests.projections.test_views import append
from tests.support.builders import requested

STORY = [(stream, requested(f"{number}")) for number, stream in enumerate("abacab")]


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def since(database: Database, position: int) -> tuple[int, Sequence[str]]:
    return asyncio.run(Reader(database).streams_since(position))


def test_each_is_named_once_and_a_look_has_its_bound(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert since(database, -1) == since(database, 0) == (0, [])
    append(own_journal_url, STORY)
    assert since(database, -1) == since(database, 6) == (6, [])
    assert since(database, 0) == (6, ["c", "a", "b"])
    assert since(database, 4) == (6, ["a", "b"])
    monkeypatch.setattr(reader, "SINCE_MAX", 2)
    assert since(database, 0) == (2, ["a", "b"])
    assert since(database, 2) == (4, ["a", "c"])


def test_where_there_is_less_than_before_the_latest_are_named(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert since(database, 9) == (0, [])
    append(own_journal_url, STORY)
    assert since(database, 7) == (6, ["c", "a", "b"])
    monkeypatch.setattr(reader, "SINCE_MAX", 2)
    assert since(database, 7) == (6, ["a", "b"])
