"""What a stream does with a reader that is silent, too slow, or no longer allowed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api import event_stream
from api.auth import Caller
from api.event_stream import EventStream, Streams
from domain.clock import utc_now
from domain.errors import TooMany, Unauthenticated
from domain.outward.choice import Choice
from domain.token import TokenIssued
from projections.storage.database import Database
from projections.storage.events_read import EventsRead
from tests.projections.test_views import append
from tests.support.builders import MEMBER, OWNER, at
from workers.feed import Feed, Wanted
from workers.loop import run_forever

HOUR = timedelta(hours=1)
PATIENT = 60.0


class Reader:
    """The other end of a stream. It takes some blocks, and then none until `woken`."""

    def __init__(self) -> None:
        self.blocks: asyncio.Queue[bytes] = asyncio.Queue()
        self.refused: asyncio.Queue[bytes] = asyncio.Queue()
        self.takes = 1_000
        self.woken = asyncio.Event()
        self.left = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] != "http.response.body":
            return
        if not self.takes:
            self.refused.put_nowait(message["body"])
            await self.woken.wait()
        else:
            self.takes -= 1
        self.blocks.put_nowait(message["body"])

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def block(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.blocks.get()


class Setting:
    """A feed of a journal of one's own, and whoever reads it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.streams = Streams()
        self.caller = Caller(OWNER, utc_now() + HOUR)
        self.reader = Reader()
        self.is_revoked = False

    def stream(self, ping: float = PATIENT, patience: float = PATIENT) -> EventStream:
        return EventStream(
            self.feed,
            Wanted(self.caller.actor, Choice()),
            0,
            self.caller,
            self.again,
            self.check,
            self.streams,
            ping_seconds=ping,
            patience_seconds=patience,
        )

    async def again(self) -> Caller:
        return self.caller

    async def check(self, caller: Caller) -> None:
        assert caller is self.caller
        if self.is_revoked:
            raise Unauthenticated("this token was revoked")

    async def run(self, stream: EventStream) -> None:
        scope: Any = {}
        async with asyncio.timeout(20):
            await stream(scope, self.reader.receive, self.reader.send)


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


@asynccontextmanager
async def setting(database: Database) -> AsyncIterator[Setting]:
    feed = Feed(EventsRead(database))
    running = asyncio.create_task(run_forever("feed", feed.run, 0.1))
    try:
        yield Setting(feed)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def end_in(block: bytes) -> dict[str, str]:
    name, data = block.decode().strip().split("\n")
    assert name == "event: berth.end"
    return dict(json.loads(data.removeprefix("data: ")))


def issued(count: int) -> list[tuple[str, TokenIssued]]:
    return [(f"tokens/{n}", TokenIssued(f"{n}", "ab", at(60))) for n in range(count)]


def test_a_silent_journal_is_pinged_about(database: Database) -> None:
    async def scene() -> None:
        async with setting(database) as there:
            running = asyncio.create_task(there.run(there.stream(ping=0.05)))
            begin = await there.reader.block()
            assert begin.startswith(b"retry: 2000\n: ping\nid: 0000")
            for _ in range(3):
                assert await there.reader.block() == b": ping\nid: %020d\n\n" % 0
            there.reader.left.set()
            await running
            assert there.feed.followers == 0

    asyncio.run(scene())


def test_a_token_that_expires_ends_the_stream(database: Database) -> None:
    async def scene() -> None:
        async with setting(database) as there:
            soon = utc_now() + timedelta(seconds=0.2)
            there.caller = replace(there.caller, expires_at=soon)
            await there.run(there.stream())
            assert utc_now() >= soon
            await there.reader.block()
            end = end_in(await there.reader.block())
            assert end["code"] == "UNAUTHENTICATED"

    asyncio.run(scene())


def test_a_token_that_was_revoked_before_the_feed_began_ends_the_stream(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells of it: the token is looked at again."""
    monkeypatch.setattr(event_stream, "LOOK_AGAIN_SECONDS", 0.0)

    async def scene() -> None:
        async with setting(database) as there:
            running = asyncio.create_task(there.run(there.stream(ping=0.05)))
            await there.reader.block()
            there.is_revoked = True
            await running
            while (block := await there.reader.block()).startswith(b": ping"):
                pass
            assert end_in(block)["code"] == "UNAUTHENTICATED"

    asyncio.run(scene())


def test_a_role_that_is_gone_shows_no_more(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is looked at again and again."""
    monkeypatch.setattr(event_stream, "LOOK_AGAIN_SECONDS", 0.0)

    async def scene() -> None:
        async with setting(database) as there:
            running = asyncio.create_task(there.run(there.stream(ping=0.05)))
            await there.reader.block()
            there.caller = replace(there.caller, actor=MEMBER)
            await there.reader.block()
            await there.reader.block()
            await asyncio.to_thread(append, own_journal_url, issued(1))
            there.feed.nudge()
            moved = b": ping\nid: %020d\n\n" % 1
            while (block := await there.reader.block()) != moved:
                assert block.startswith(b": ping")
            there.reader.left.set()
            await running

    asyncio.run(scene())


def test_who_takes_nothing_in_time_is_told_where_it_was_and_left(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, issued(event_stream.PIECE_MAX * 5))

    async def scene() -> None:
        async with setting(database) as there:
            there.reader.takes = 2
            running = asyncio.create_task(there.run(there.stream(patience=0.1)))
            async with asyncio.timeout(10):
                piece = await there.reader.refused.get()
                hint = await there.reader.refused.get()
            assert b"id: %020d\n" % (event_stream.PIECE_MAX + 1) in piece
            there.reader.woken.set()
            await running
            begin, taken = await there.reader.block(), await there.reader.block()
            assert begin.startswith(b"retry")
            assert b"id: %020d\n" % event_stream.PIECE_MAX in taken
            assert await there.reader.block() == hint
            end = end_in(hint)
            assert end["code"] == "SLOW"
            assert int(end["resumeAfter"]) == event_stream.PIECE_MAX

    asyncio.run(scene())


def test_streams_are_counted_for_each_caller_and_altogether() -> None:
    streams = Streams(per_caller_max=2, all_max=3)
    with streams.counted(OWNER), streams.counted(OWNER):
        with (
            pytest.raises(TooMany, match="2 streams of yours"),
            streams.counted(OWNER),
        ):
            pytest.fail("it was let in")
        with (
            streams.counted(MEMBER),
            pytest.raises(TooMany, match="3 streams are"),
            streams.counted(MEMBER),
        ):
            pytest.fail("it was let in")
    with streams.counted(OWNER):
        pass
