"""A journal that comes back with less than it had: whoever had come further is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from projections.storage.database import Database
from projections.storage.events_read import EventsRead
from tests.projections.test_views import append
from tests.workers.feed.test_feed import ALL, positions, running, tokens, until_news
from workers.feed import Feed, window
from workers.feed.feed import Lost

ANEW = """
UPDATE berth_events SET state = convert_to(
    replace(convert_from(state, 'UTF8'), '"id":"e', '"id":"anew'), 'UTF8'
) WHERE notification_id > %s
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url, pool_max=4)) as database:
        yield database


def lose(url: str, after: int, anew: int = 0) -> None:
    """What follows that position, and let so many others happen, all at once."""
    with psycopg.connect(url) as connection:
        forget = "DELETE FROM berth_events WHERE notification_id > %s"
        connection.execute(forget, [after])
        connection.commit()
    append(url, tokens(anew))
    with psycopg.connect(url) as connection:
        connection.execute(ANEW, [after])


async def lost(feed: Feed, before: Lost) -> int:
    """After which position."""
    feed.nudge()
    async with asyncio.timeout(10):
        await feed.beyond(2**62, before)
    assert feed.lost is not before
    return feed.lost.after


@pytest.mark.parametrize("anew", [0, 1, 3, 8], ids=lambda n: f"{n} others")
@pytest.mark.parametrize("kept", [1, 3, 8, 9])
def test_it_is_found_where_another_history_begins(
    database: Database, own_journal_url: str, kept: int, anew: int
) -> None:
    """However many others have happened since; followers begin at 3, and read to 10."""
    append(own_journal_url, tokens(3))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 2)
            await asyncio.to_thread(append, own_journal_url, tokens(7))
            feed.nudge()
            await until_news(feed, 9)
            before = feed.lost
            await asyncio.to_thread(lose, own_journal_url, kept, anew)
            end = kept + anew
            # What was before they came is not known here.
            assert await lost(feed, before) == (kept if kept >= 3 else min(3, end))
            await asyncio.to_thread(append, own_journal_url, tokens(10))
            feed.nudge()
            await until_news(feed, end + 9)
            page = await feed.newest(ALL, feed.lost.after)
            assert positions(page) == [*range(feed.lost.after + 1, end + 11)]

    asyncio.run(scene())


def test_it_is_noticed_though_nothing_has_happened_since_they_came(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(5))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 4)
            before = feed.lost
            await asyncio.to_thread(lose, own_journal_url, 2)
            assert await lost(feed, before) == 2

    asyncio.run(scene())


def test_what_somebody_has_removed_is_not_taken_for_it(
    database: Database, own_journal_url: str
) -> None:
    """Nor do those who follow miss any other event for it."""
    append(own_journal_url, tokens(3))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 2)
            await asyncio.to_thread(append, own_journal_url, tokens(6))
            remove = "DELETE FROM berth_events WHERE notification_id = 6"
            with database.transaction(commit=True) as cursor:
                cursor.execute(remove)
            feed.nudge()
            await until_news(feed, 8)
            await asyncio.to_thread(append, own_journal_url, tokens(2))
            feed.nudge()
            await until_news(feed, 10)
            seen, until = list[int](), 3
            while until < 11:
                page = await feed.newest(ALL, until, limit=1)
                seen, until = seen + positions(page), page.until
            assert seen == [4, 5, 7, 8, 9, 10, 11]
            assert feed.lost.after > 11

    asyncio.run(scene())


def test_an_event_longer_than_a_reading_is_no_end_of_it(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.feed.feed.READ_BYTES_MAX", 1)
    monkeypatch.setattr(window, "BYTES_MAX", 2**30)
    append(own_journal_url, tokens(1))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 0)
            await asyncio.to_thread(append, own_journal_url, tokens(4))
            feed.nudge()
            await until_news(feed, 4)
            assert positions(await feed.newest(ALL, 1)) == [2, 3, 4, 5]

    asyncio.run(scene())
