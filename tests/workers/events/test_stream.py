"""The stream is checked before anything goes into it, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
import uvloop
from nats.js.api import StreamConfig, StreamInfo

from domain.record import Recorded
from projections.storage.entry import entry_at
from projections.storage.installation import installation_id
from projections.storage.migrate import migrate
from tests.projections.test_views import append
from tests.support.dispatching import until
from tests.support.scenes import play
from tests.support.servers import Servers, fresh_database
from tests.workers.events.stage import Stage, published, relaying, story
from workers.embedded import EmbeddedNats
from workers.events import stream as streams
from workers.events.message import Message, message_of
from workers.events.publishing import publish
from workers.events.stream import (
    FOREIGN,
    NAME,
    OTHERWISE,
    SUBJECTS,
    TOO_OLD,
    StreamRefused,
)
from workers.tasks.broker import BrokerUnavailable
from workers.tasks.owning import owner_of

MIB = 1 << 20
LOSE_THE_LATEST = "DELETE FROM berth_events WHERE notification_id > 15"


async def info_of(stage: Stage) -> StreamInfo:
    return await stage.jetstream.stream_info(NAME)


async def is_refused(stage: Stage, why: str) -> bool:
    return why in stage.relay._complaints.values()


async def record(stage: Stage, position: int) -> Recorded:
    found = await entry_at(stage.relay.stream.database, position)
    assert found
    return found


def test_a_stream_of_another_installation_is_left_alone(
    journal_of_some: str, nats: EmbeddedNats, servers: Servers
) -> None:
    async def scene(other: str) -> None:
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()
        async with relaying(other, nats.url) as stranger:
            await until(lambda: is_refused(stranger, FOREIGN))
            with pytest.raises(StreamRefused):
                await stranger.relay.stream.remove()
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()

    with fresh_database(servers.database_url) as other:
        migrate(other)
        append(other, story(30))
        uvloop.run(scene(other))


def test_somebodys_own_stream_of_that_name_is_left_alone(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with published(journal_of_some, nats.url) as stage:
            await stage.jetstream.delete_stream(NAME)
        async with published(journal_of_some, nats.url) as stage:
            await stage.jetstream.delete_stream(NAME)
            await stage.jetstream.add_stream(StreamConfig(name=NAME, subjects=["mine"]))
            await stage.jetstream.publish("mine", b"precious")
            await until(lambda: is_refused(stage, FOREIGN))
            assert (await stage.jetstream.get_msg(NAME, 1)).data == b"precious"

    uvloop.run(scene())


def test_nor_is_it_removed_once_its_owner_has_emptied_it(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with published(journal_of_some, nats.url) as stage:
            await stage.jetstream.delete_stream(NAME)
            await stage.jetstream.add_stream(StreamConfig(name=NAME, subjects=["mine"]))
            await stage.jetstream.publish("mine", b"precious")
            await stage.jetstream.purge_stream(NAME)
            await stage.watched()
            assert await is_refused(stage, FOREIGN)
            assert (await info_of(stage)).config.subjects == ["mine"]

    uvloop.run(scene())


def test_an_empty_stream_that_somebody_prepared_is_taken_over(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with published(journal_of_some, nats.url) as stage:
            await stage.jetstream.delete_stream(NAME)
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.jetstream.add_stream(
                StreamConfig(name=NAME, subjects=SUBJECTS, metadata={"team": "core"})
            )
            await stage.completed()
            assert ((await info_of(stage)).config.metadata or {})["team"] == "core"
            here = await installation_id(stage.relay.stream.database)
            assert owner_of(await info_of(stage)) == here

    uvloop.run(scene())


def test_a_database_from_a_backup_does_not_rewrite_what_was_told_unless_so_ordered(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    def restore() -> None:
        with psycopg.connect(journal_of_some) as connection:
            connection.execute(LOSE_THE_LATEST)

    async def scene(stage: Stage) -> None:
        await asyncio.to_thread(restore)
        await until(lambda: is_refused(stage, OTHERWISE))
        assert (await info_of(stage)).state.messages == 20
        # Though it grows to be as long, it is another history.
        await asyncio.to_thread(append, journal_of_some, story(10, "e-2"))
        await asyncio.to_thread(rename, journal_of_some)
        await stage.watched()
        assert await is_refused(stage, OTHERWISE)
        assert (await info_of(stage)).state.messages == 20
        await stage.relay.stream.remove()
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_a_stream_that_was_emptied_is_made_anew(
    journal_of_some: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprotect(monkeypatch, "deny_purge")

    async def scene(stage: Stage) -> None:
        await stage.jetstream.purge_stream(NAME)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def test_a_stream_with_a_gap_is_made_anew(
    journal_of_some: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it would take the gap for events that Berth has lost."""
    unprotect(monkeypatch, "deny_delete")

    async def scene(stage: Stage) -> None:
        await stage.jetstream.delete_msg(NAME, 7)
        await stage.completed()

    play(published(journal_of_some, nats.url), scene)


def unprotect(monkeypatch: pytest.MonkeyPatch, protection: str) -> None:
    """As somebody can who may change the stream's settings."""

    async def unprotected(self: streams.EventStream) -> dict[str, Any]:
        return await settings(self) | {protection: False}

    settings = streams.EventStream._settings
    monkeypatch.setattr(streams.EventStream, "_settings", unprotected)


def test_a_relay_that_was_overtaken_can_publish_nothing(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def late(stage: Stage, count: int) -> Sequence[Message]:
        records = [await record(stage, place) for place in range(9, 9 + count)]
        return [message_of(one, "here", MIB) for one in records]

    async def scene(stage: Stage) -> None:
        client = stage.relay.broker.client
        with pytest.raises(BrokerUnavailable, match="duplicate message id"):
            await publish(client, NAME, await late(stage, 6))
        for count in (6, 1):
            others = await late(stage, count)
            for number, message in enumerate(others):
                message.headers["Nats-Msg-Id"] = f"other-{number}"
            with pytest.raises(BrokerUnavailable, match="wrong last sequence"):
                await publish(client, NAME, others)
        assert await stage.is_complete()

    play(published(journal_of_some, nats.url), scene)


def test_a_nats_that_is_too_old_is_told_of(
    journal_of_some: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ignored(self: streams.EventStream) -> dict[str, Any]:
        return await settings(self) | {"allow_atomic": None}

    settings = streams.EventStream._settings
    monkeypatch.setattr(streams.EventStream, "_settings", ignored)

    async def scene(stage: Stage) -> None:
        await until(lambda: is_refused(stage, TOO_OLD))

    play(relaying(journal_of_some, nats.url), scene)


def rename(url: str) -> None:
    """Events that happened anew have ids of their own."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE berth_events SET state = convert_to(replace("
            "convert_from(state, 'utf8'), '\"id\":\"e', '\"id\":\"f'), 'utf8')"
            " WHERE notification_id > 15"
        )
