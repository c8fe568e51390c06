"""Who has removed events from the journal takes none of the others from its readers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest

from domain.environment.chronicle import Chronicle, chronicle
from domain.errors import JournalUnavailable
from domain.record import Recorded
from projections.history import History
from projections.storage import time_travel
from projections.storage.database import Database
from projections.storage.reader import Reader
from projections.storage.time_travel import LATEST, TimeTravel
from tests.projections.histories import STREAMS, histories, put
from tests.support.builders import at

MOVE: LiteralString = """
UPDATE berth_events SET originator_id = %s WHERE notification_id = %s
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def remove(url: str, positions: Sequence[int]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "DELETE FROM berth_events WHERE notification_id = ANY(%s)", [[*positions]]
        )


async def paged(history: History, stream: str, limit: int) -> list[int]:
    """The positions of all that happened to it, page after page."""
    found, until, tip = list[int](), 0, 1
    while until < tip:
        page = await history.positions(
            stream, after=until, last=2**62, limit=limit, topics=None
        )
        assert page.until > until
        found += page.found
        until, tip = page.until, page.tip
    return found


def of(records: Sequence[Recorded], stream: str) -> list[int]:
    return [record.position for record in records if record.originator_id == stream]


@pytest.mark.parametrize("gone", ["in the middle", "each seventh", "the first ones"])
def test_the_history_has_all_that_was_not_removed(
    own_journal_url: str, database: Database, gone: str
) -> None:
    """Wherever a page begins or ends, and whichever version is looked at to find it."""
    records = histories(5, 120)
    put(own_journal_url, records)
    history = History(database, Reader(database))
    own = {stream: of(records, stream) for stream in STREAMS}
    removed = {
        "in the middle": [own[stream][len(own[stream]) // 2 - 1] for stream in STREAMS],
        "each seventh": [at for stream in STREAMS for at in own[stream][6::7]],
        "the first ones": [at for stream in STREAMS for at in own[stream][:3]],
    }[gone]

    async def looking() -> None:
        for stream, positions in own.items():
            assert await paged(history, stream, 10) == positions
        remove(own_journal_url, removed)
        for stream, positions in own.items():
            left = [at for at in positions if at not in removed]
            for limit in 1, 10, len(positions) - 2:
                assert await paged(history, stream, limit) == left

    asyncio.run(looking())


def test_how_it_was_is_not_told_where_all_of_its_repository_was_removed(
    own_journal_url: str, database: Database
) -> None:
    """It may have been the default there."""
    put(own_journal_url, histories(5, 20))  # Nothing there is of a repository.
    history = History(database, Reader(database))
    with pytest.raises(JournalUnavailable, match="`berth verify`"):
        asyncio.run(history.listed(STREAMS[:1], LATEST, at(999)))


@pytest.mark.parametrize("every", [7, 20])
def test_how_it_was_is_not_told_by_what_is_left(
    own_journal_url: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
) -> None:
    """Whichever event is missing: it may be what the answer hangs on."""
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", every)
    records = histories(5, 120)
    put(own_journal_url, records)
    travel = TimeTravel(database)
    stream = STREAMS[0]
    *before, last = of(records, stream)

    async def states(position: int) -> dict[str, Chronicle]:
        return dict(await travel.states(chronicle, [stream], position))

    async def looking() -> None:
        for number, position in enumerate(before[:-1]):
            with database.transaction(commit=True) as cursor:
                cursor.execute("DELETE FROM history_snapshot")
                cursor.execute(MOVE, ["aside", position])
            for asked in position, before[number + 1], last:
                with pytest.raises(JournalUnavailable, match="`berth verify`"):
                    await states(asked)
            if number > 1:
                assert await states(before[number - 2])
            # The others' snapshots are made all the same.
            assert await travel.keep(chronicle, STREAMS, LATEST) > 0
            with database.transaction(commit=True) as cursor:
                cursor.execute(MOVE, [stream, position])
        assert await states(last)

    asyncio.run(looking())
