"""Every event is in the stream, at its position, whatever happens to the stream."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import psycopg
import uvloop
from structlog.testing import capture_logs

from domain.event import Event
from domain.task.events import TaskCompleted
from tests.projections.test_views import append
from tests.support.dispatching import until
from tests.support.scenes import play
from tests.workers.events.stage import (
    Stage,
    lose_store,
    published,
    relaying,
    story,
)
from workers.embedded import EmbeddedNats
from workers.events.relay import NEWER
from workers.events.stream import NAME

UNKNOWN = """
UPDATE berth_events SET topic = 'lock.moored' WHERE notification_id = %s
"""
KNOWN = """
UPDATE berth_events SET topic = 'lock.granted' WHERE notification_id = %s
"""
COPY = "older"


def test_what_there_is_and_what_comes_is_published_in_order(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with published(journal_of_some, nats.url) as stage:
            await more(stage, story(1_100))
            await stage.completed()
            assert (await stage.stored())[-1].subject == (
                "berth.v1.environment.e-1.lock.granted"
            )
            await until(lambda: is_done(stage, 1_120))
            with capture_logs() as logs:
                await stage.watched()
            assert logs == []
        async with relaying(journal_of_some, nats.url) as later:
            await more(later, story(1))
            await later.completed()

    uvloop.run(scene())


def test_a_lost_store_is_filled_again_while_commands_go_on(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(lose_store, nats)
        await more(stage, story(3))
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_a_lost_store_is_filled_again_though_nothing_happens(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(lose_store, nats)
        await stage.completed()
        await stage.jetstream.delete_stream(NAME)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_a_store_from_a_backup_is_given_what_it_lacks(
    journal_of_some: str, nats: EmbeddedNats, tmp_path: Path
) -> None:
    store, copy = nats.folder / "jetstream", tmp_path / COPY

    def save() -> None:
        nats.stop()
        shutil.copytree(store, copy)
        nats.start()

    def restore() -> None:
        nats.stop()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        nats.start()

    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(save)
        await more(stage, story(30))
        await stage.completed()
        await asyncio.to_thread(restore)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_messages_that_the_disk_lost_are_published_again(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    def lose_messages() -> None:
        nats.kill()
        for block in nats.folder.rglob("*.blk"):
            block.unlink()
        nats.start()

    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(lose_messages)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_while_nats_is_down_events_gather_and_follow_later(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(nats.kill)
        for _ in range(5):
            await more(stage, story(2))
        await asyncio.to_thread(nats.start)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_an_event_too_long_for_nats_holds_up_nothing(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    long = ("tasks/t-1", TaskCompleted(1, "x" * (1 << 20)))

    async def scene(stage: Stage) -> None:
        await more(stage, [*story(1), long, *story(1)])
        await stage.completed()
        message = (await stage.stored())[-2]
        assert not message.data
        assert message.headers
        where = "/sfp/api/events?after=21&limit=1"
        assert message.headers["ce-dataref"] == where

    play(published(journal_of_some, nats.url), scene)


def test_an_event_of_a_newer_version_is_waited_for_and_never_passed_over(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    def retopic(statement: str) -> None:
        with psycopg.connect(journal_of_some) as connection:
            connection.execute(statement.encode(), [15])

    async def scene(older: Stage) -> None:
        await until(lambda: has(older, 14))
        await older.watched()
        await more(older, story(1))
        await until(lambda: says(older, NEWER))
        await older.watched()
        assert len(await older.stored()) == 14
        assert NEWER in older.relay._complaints.values()
        await asyncio.to_thread(retopic, KNOWN)
        await older.completed()

    retopic(UNKNOWN)
    play(relaying(journal_of_some, nats.url), scene)


async def has(stage: Stage, count: int) -> bool:
    return (await stage.relay.stream.look()) == count


async def is_done(stage: Stage, position: int) -> bool:
    return stage.relay.tail.position == position


async def says(stage: Stage, why: str) -> bool:
    return why in stage.relay._complaints.values()


async def more(stage: Stage, events: Sequence[tuple[str, Event]]) -> None:
    await asyncio.to_thread(append, stage.url, events)
    stage.relay.tail.nudge()
