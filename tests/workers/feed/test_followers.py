"""A thousand who follow are told of news, and of nothing else, and hold up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from typing import Any
from unittest.mock import patch

import pytest

from projections.storage.database import Database
from projections.storage.events_read import EventsRead
from tests.projections.test_views import append
from tests.workers.feed.test_feed import running, tokens, until_news
from workers.feed import Feed
from workers.feed.feed import TOLD_AT_ONCE


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url, pool_max=4)) as database:
        yield database


def test_while_many_are_told_others_are_answered_in_between(database: Database) -> None:
    async def scene() -> None:
        feed = Feed(EventsRead(database))
        turns: list[str] = []

        async def follow() -> None:
            async with feed.following():
                await until_news(feed, -1)
                turns.append("told")

        async def something_else() -> None:
            while True:
                turns.append("else")
                await asyncio.sleep(0)

        followers = [asyncio.create_task(follow()) for _ in range(500)]
        await asyncio.sleep(0)
        other = asyncio.create_task(something_else())
        async with running(feed):
            await asyncio.gather(*followers)
        other.cancel()
        in_a_row = [len([*told]) for turn, told in groupby(turns) if turn == "told"]
        assert sum(in_a_row) == 500
        assert max(in_a_row) <= TOLD_AT_ONCE

    asyncio.run(scene())


def test_nobody_is_told_that_nothing_happened(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(1))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        told: list[int] = []

        async def tell() -> None:
            told.append(feed.followers)
            await telling()

        telling = feed._tell
        async with running(feed), feed.following():
            await until_news(feed, 0)
            with patch.object(feed, "_tell", tell):
                reads = feed.events.after
                looked = asyncio.Event()

                async def looking(position: int, **limits: Any) -> Any:
                    piece = await reads(position, **limits)
                    looked.set()
                    return piece

                with patch.object(feed.events, "after", looking):
                    feed.nudge()
                    await looked.wait()
                    await asyncio.to_thread(append, own_journal_url, tokens(1))
                    feed.nudge()
                    await until_news(feed, 1)
        assert told == [1]

    asyncio.run(scene())
