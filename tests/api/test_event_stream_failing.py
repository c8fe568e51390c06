"""A stream that cannot go on says why, and what nobody expected is not swallowed."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from api.events import _page
from domain.errors import PositionAhead
from domain.outward.choice import Choice
from projections.storage.database import Database
from tests.api.test_event_stream_end import database, end_in, issued, setting
from tests.projections.test_views import append
from tests.support.closed import closed
from tests.workers.feed.test_feed import until_news
from tests.workers.feed.test_lost import lose
from workers.feed import Wanted

__all__ = ["database"]
CLOSED = "this process has no keys of people"


def test_what_cannot_be_opened_ends_the_stream(
    database: Database,
    own_journal_url: str,
) -> None:
    """As it is told to who asks for a page; another process may have the key."""
    append(own_journal_url, issued(1))

    async def scene() -> None:
        async with setting(database) as there:
            await there.run(there.stream())
            await there.reader.block()
            assert end_in(await there.reader.block()) == {
                "code": "VAULT_CLOSED",
                "message": CLOSED,
                "resumeAfter": f"{0:020}",
            }

    with closed(own_journal_url, 1), capture_logs() as logs:
        asyncio.run(scene())
    [told] = [line for line in logs if line["event"] == "vault closed"]
    assert told["reason"] == CLOSED


def test_who_follows_is_told_when_the_feed_cannot_open_what_comes_next(
    database: Database,
    own_journal_url: str,
) -> None:
    append(own_journal_url, issued(2))

    async def scene() -> None:
        async with setting(database) as there:
            running = asyncio.create_task(there.run(there.stream(ping=0.05)))
            while b"id: %020d\n" % 2 not in await there.reader.block():
                pass
            await asyncio.to_thread(append, own_journal_url, issued(1))
            with closed(own_journal_url, 3):
                there.feed.nudge()
                await running
            while (block := await there.reader.block()).startswith(b": ping"):
                pass
            end = end_in(block)
            assert (end["code"], end["resumeAfter"]) == ("VAULT_CLOSED", f"{2:020}")

    asyncio.run(scene())


def test_what_nobody_expected_is_raised_for_the_log(
    database: Database,
) -> None:
    async def scene() -> None:
        async with setting(database) as there:
            broken = patch.object(there.feed, "newest", side_effect=KeyError("a bug"))
            with broken, pytest.raises(KeyError, match="a bug"):
                await there.run(there.stream())
            assert there.feed.followers == 0

    asyncio.run(scene())


def test_who_was_told_what_is_lost_goes_back_to_before_it(
    database: Database, own_journal_url: str
) -> None:
    """By himself, if he is one that remembers ids."""
    append(own_journal_url, issued(4))

    async def scene() -> None:
        async with setting(database) as there:
            running = asyncio.create_task(there.run(there.stream(ping=0.05)))
            while b"id: %020d\n" % 4 not in await there.reader.block():
                pass
            await until_news(there.feed, 3)
            await asyncio.to_thread(append, own_journal_url, issued(2))
            there.feed.nudge()
            while b"id: %020d\n" % 6 not in await there.reader.block():
                pass
            await asyncio.to_thread(lose, own_journal_url, 5, 3)
            there.feed.nudge()
            await running
            while (block := await there.reader.block()).startswith(b": ping"):
                pass
            place, _, end = block.partition(b"\n")
            assert place == b"id: %020d" % 5
            assert end_in(end)["code"] == "HISTORY_LOST"
            assert end_in(end)["resumeAfter"] == f"{5:020}"

    asyncio.run(scene())


def test_who_waits_for_a_page_is_told_that_the_journal_does_not_reach_there(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, issued(4))

    async def scene() -> None:
        async with setting(database) as there:
            wanted = Wanted(there.caller.actor, Choice())
            waiting = asyncio.create_task(_page(there.feed, wanted, 4, 10, 60))
            await until_news(there.feed, 3)
            await asyncio.to_thread(lose, own_journal_url, 2)
            there.feed.nudge()
            async with asyncio.timeout(10):
                with pytest.raises(PositionAhead, match="the journal ends at 2"):
                    await waiting

    asyncio.run(scene())
