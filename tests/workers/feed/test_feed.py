"""Those who follow share one reading of the journal, and nothing is kept for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any
from unittest.mock import patch

import pytest

from domain.errors import JournalUnavailable
from domain.event import Event
from domain.outward.choice import Choice, tags_of
from domain.project_events import ProjectRegistered
from domain.token import TokenIssued, TokenRevoked
from projections.storage import events_read
from projections.storage.database import Database
from projections.storage.events_read import EventsRead
from tests.projections.test_views import append
from tests.support.builders import MEMBER, OWNER, at
from tests.support.newer import newer
from workers.feed import Feed, Page, Wanted, window
from workers.loop import run_forever

ALL = Wanted(OWNER, Choice())
MEMBERS = Wanted(MEMBER, Choice())
ISSUED = TokenIssued("ci", "ab", at(60))


def tokens(count: int) -> Sequence[tuple[str, Event]]:
    return [("tokens/1", ISSUED)] * count


def projects(count: int, size: int = 10) -> Sequence[tuple[str, Event]]:
    event = ProjectRegistered("acme/shop", "x" * size, "github", {})
    return [("projects/acme/shop", event)] * count


def positions(page: Page) -> list[int]:
    return [entry.position for entry in page.entries]


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url, pool_max=4)) as database:
        yield database


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(run_forever("feed", feed.run, 0.1))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_news(feed: Feed, position: int) -> None:
    async with asyncio.timeout(10):
        await feed.beyond(position)


Asked = tuple[Wanted, int, dict[str, int]]


def pages(database: Database, *asked: Asked) -> list[Page]:
    async def reading() -> list[Page]:
        feed = Feed(EventsRead(database))
        return [
            await feed.page(wanted, after, **limits) for wanted, after, limits in asked
        ]

    return asyncio.run(reading())


def test_a_page_ends_where_its_last_event_is_or_at_the_end(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(5))
    first, rest, none = pages(
        database, (ALL, 0, {"limit": 3}), (ALL, 3, {"limit": 3}), (ALL, 5, {"limit": 3})
    )
    assert (positions(first), first.until, first.is_last) == ([1, 2, 3], 3, False)
    assert (positions(rest), rest.until, rest.is_last) == ([4, 5], 5, True)
    assert (positions(none), none.until, none.is_last) == ([], 5, True)


def test_a_page_passes_over_what_is_not_for_the_caller(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, [*tokens(300), *projects(2), *tokens(3)])
    (first,) = pages(database, (MEMBERS, 0, {"limit": 1}))
    assert (positions(first), first.until) == ([301], 301)
    rest, rare = pages(
        database,
        (MEMBERS, 301, {"limit": 5}),
        (Wanted(OWNER, Choice(tags_of(["token.revoked"]))), 0, {"limit": 5}),
    )
    assert (positions(rest), rest.until) == ([302], 305)
    assert (positions(rare), rare.until, rare.is_last) == ([], 305, True)


def test_a_look_has_its_bound_also_when_it_finds_nothing(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(25))
    rare = Wanted(OWNER, Choice(tags_of(["token.revoked"])))
    with (
        patch.object(events_read, "SCAN_MAX", 10),
        patch("workers.feed.feed.SCAN_MAX", 10),
    ):
        looked = pages(database, (rare, 0, {}), (rare, 10, {}), (rare, 20, {}))
    assert [(positions(p), p.until, p.is_last) for p in looked] == [
        ([], 10, False),
        ([], 20, False),
        ([], 25, True),
    ]


def test_a_page_is_not_much_longer_than_it_may_be(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, projects(50, size=10_000))
    cut, next_ = pages(
        database, (ALL, 0, {"bytes_max": 100_000}), (ALL, 10, {"bytes_max": 1})
    )
    assert positions(cut) == list(range(1, 11))
    assert (cut.until, positions(next_)) == (10, [11])


def test_who_keeps_up_is_served_from_one_reading(
    database: Database, own_journal_url: str
) -> None:
    """However many there are, the database is asked as often as for one."""
    append(own_journal_url, tokens(2))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        reads: list[int] = []
        after = feed.events.after

        async def counted(position: int, **limits: Any) -> Any:
            piece = await after(position, **limits)
            if piece.found:  # In vain it looks by itself, every now and then.
                reads.append(position)
            return piece

        async def follow() -> list[int]:
            async with feed.following():
                await until_news(feed, 1)
                await until_news(feed, 2)
                page = await feed.newest(ALL, 2)
                return positions(page)

        with patch.object(feed.events, "after", counted):
            async with running(feed):
                followers = [asyncio.create_task(follow()) for _ in range(500)]
                async with feed.following():
                    await until_news(feed, 1)
                    reads.clear()
                    await asyncio.to_thread(append, own_journal_url, projects(3))
                    feed.nudge()
                    heard = await asyncio.gather(*followers)
        assert heard == [[3, 4, 5]] * 500
        assert len(reads) <= 2

    asyncio.run(scene())


def test_who_is_behind_what_is_in_memory_is_served_from_the_journal(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "ENTRIES_MAX", 4)
    append(own_journal_url, tokens(3))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 2)
            await asyncio.to_thread(append, own_journal_url, tokens(20))
            feed.nudge()
            await until_news(feed, 22)
            for after in range(23):
                page = await feed.newest(ALL, after, limit=100)
                assert positions(page) == list(range(after + 1, 24))
        assert feed.followers == 0

    asyncio.run(scene())


def test_memory_is_bounded_by_number_and_by_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window, "ENTRIES_MAX", 100)
    monkeypatch.setattr(window, "BYTES_MAX", 1_000)
    newest = window.Window(5)
    for size in (1, 300):
        entry: Any = type("Sized", (), {"size_bytes": size})()
        for _ in range(1_000):
            newest.add([entry])
            assert len(newest._entries) <= 200
            assert sum(e.size_bytes for e in newest._entries) <= 1_000
    assert newest.tip == 2_005
    assert newest.covers(2_005)
    assert not newest.covers(5)


def test_a_revocation_is_known_as_soon_as_it_is_read(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(1))

    async def scene() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 0)
            assert feed.revoked == set()
            story = [("tokens/1", TokenRevoked())]
            await asyncio.to_thread(append, own_journal_url, story)
            feed.nudge()
            await until_news(feed, 1)
            assert feed.revoked == {"1"}

    asyncio.run(scene())


def test_once_it_closes_nobody_waits(database: Database) -> None:
    async def scene() -> None:
        feed = Feed(EventsRead(database))
        waiting = asyncio.create_task(until_news(feed, 0))
        await asyncio.sleep(0)
        feed.close()
        await waiting
        await until_news(feed, 10)

    asyncio.run(scene())


def test_what_only_a_newer_version_can_tell_is_not_passed_over(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, tokens(4))
    with newer(own_journal_url, 3):
        (first,) = pages(database, (ALL, 0, {}))
        assert (positions(first), first.until, first.is_last) == ([1, 2], 2, False)
        with pytest.raises(JournalUnavailable, match="newer version"):
            pages(database, (ALL, 2, {}))
    (rest,) = pages(database, (ALL, 2, {}))
    assert (positions(rest), rest.is_last) == ([3, 4], True)


def test_who_follows_is_told_it_once_it_can_be_told(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.feed.feed.LOOK_EVERY_SECONDS", 60)
    append(own_journal_url, tokens(1))

    async def following() -> None:
        feed = Feed(EventsRead(database))
        async with running(feed), feed.following():
            await until_news(feed, 0)
            append(own_journal_url, tokens(3))
            with newer(own_journal_url, 3):
                feed.nudge()
                await until_news(feed, 1)
                page = await feed.newest(ALL, 1)
                assert (positions(page), page.until) == ([2], 2)
            feed.nudge()
            await until_news(feed, 2)
            assert positions(await feed.newest(ALL, 2)) == [3, 4]

    asyncio.run(following())
