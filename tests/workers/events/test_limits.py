"""How much the stream keeps, and from where on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
import uvloop
from nats.js.api import StreamConfig, StreamInfo
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from projections.storage.database import Database
from projections.storage.instants import first_since
from tests.projections.test_views import append
from tests.support.builders import at
from tests.support.dispatching import until
from tests.workers.events.stage import Stage, relaying, story
from workers.embedded import EmbeddedNats
from workers.events import stream as streams
from workers.events.limits import StreamLimits
from workers.events.stream import NAME, SUBJECTS

MIB = 1 << 20


async def info_of(stage: Stage) -> StreamInfo:
    return await stage.jetstream.stream_info(NAME)


async def ends_at(stage: Stage, position: int) -> bool:
    try:
        return (await info_of(stage)).state.last_seq == position
    except NotFoundError:
        return False


def test_it_keeps_what_it_is_told_to_keep(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()
            config = (await info_of(stage)).config
            assert (config.max_age, config.max_bytes) == (0, -1)
            assert (config.storage, config.retention) == ("file", "limits")
            assert config.discard == "old"
            assert config.deny_delete
            assert config.deny_purge
            assert config.subjects == SUBJECTS
        limits = StreamLimits(max_age_days=7, max_mib=100)
        async with relaying(journal_of_some, nats.url, limits) as stage:
            await stage.watched()
            config = (await info_of(stage)).config
            assert (config.max_age, config.max_bytes) == (7 * 86_400, 100 * MIB)

    uvloop.run(scene())


def test_settings_that_cannot_be_had_are_named_once_and_events_go_on(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> Sequence[Mapping[str, Any]]:
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()
        with capture_logs() as logs:
            limits = StreamLimits(replicas=3)
            async with relaying(journal_of_some, nats.url, limits) as stage:
                append(journal_of_some, story(1))
                await stage.completed()
                await stage.watched()
        return logs

    [said] = [log for log in uvloop.run(scene()) if "other settings" in log["event"]]
    assert said["why"].startswith("num_replicas: replicas > 1 not supported")


def test_a_new_stream_has_as_many_replicas_as_there_may_be(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> Sequence[Mapping[str, Any]]:
        with capture_logs() as logs:
            limits = StreamLimits(replicas=3)
            async with relaying(journal_of_some, nats.url, limits) as stage:
                await stage.completed()
                await stage.watched()
        return logs

    told = uvloop.run(scene())
    [said] = [log for log in told if "other settings" in log["event"]]
    assert said["why"].startswith("num_replicas: replicas > 1 not supported")
    assert "events are not published" not in {log["event"] for log in told}


def test_settings_that_could_not_be_had_are_had_once_they_can(
    journal_of_some: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another stream has reserved what room there is, until it goes."""
    monkeypatch.setattr(streams, "ASK_AGAIN_SECONDS", 0)

    async def scene() -> None:
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()
            hog = StreamConfig(name="HOG", subjects=["hog"], max_bytes=15 << 30)
            await stage.jetstream.add_stream(hog)
        limits = StreamLimits(max_mib=2_048)
        async with relaying(journal_of_some, nats.url, limits) as stage:

            async def is_bounded() -> bool:
                config = (await info_of(stage)).config
                return config.max_bytes == 2_048 * MIB

            await stage.watched()
            assert not await is_bounded()
            await stage.jetstream.delete_stream("HOG")
            await until(is_bounded)

    uvloop.run(scene())


@pytest.mark.parametrize("behind_seconds", [-1, 60])
def test_what_is_older_than_is_kept_is_not_missed(
    journal_of_some: str,
    nats: EmbeddedNats,
    monkeypatch: pytest.MonkeyPatch,
    behind_seconds: int,
) -> None:
    """Also where the database's clock, which dates events, is ahead of the others."""
    limits = StreamLimits(max_age_days=1)

    async def soon(self: streams.EventStream) -> dict[str, Any]:
        return await settings(self) | {"max_age": 0.2, "duplicate_window": 0.2}

    settings = streams.EventStream._settings
    monkeypatch.setattr(streams.EventStream, "_settings", soon)
    monkeypatch.setattr(streams, "utc_now", lambda: at(0))

    async def has_aged(stage: Stage) -> bool:
        state = (await info_of(stage)).state
        return (state.messages, state.last_seq) == (0, 20)

    async def scene() -> None:
        async with relaying(journal_of_some, nats.url, limits) as stage:
            await stage.watched()
            await until(lambda: has_aged(stage))
            made = (await info_of(stage)).created
            now = at(20 + 86_400 - behind_seconds)
            monkeypatch.setattr(streams, "utc_now", lambda: now)
            await stage.watched()
            assert await has_aged(stage)
            assert (await info_of(stage)).created == made

    uvloop.run(scene())


def test_a_new_stream_begins_with_what_it_would_still_keep(
    journal_of_some: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = StreamLimits(max_age_days=1)
    monkeypatch.setattr(streams, "utc_now", lambda: at(86_400 + 12))

    async def scene() -> None:
        async with relaying(journal_of_some, nats.url, limits) as stage:
            await until(lambda: ends_at(stage, 20))
            await stage.watched()
            assert [message.seq for message in await stage.stored()] == [*range(12, 21)]

    uvloop.run(scene())


@pytest.mark.parametrize(("seconds", "position"), [(0, 1), (7, 7), (20, 20), (21, 21)])
def test_the_first_event_since_an_instant_is_found(
    journal_of_some: str, seconds: int, position: int
) -> None:
    with closing(Database(journal_of_some)) as database:
        assert asyncio.run(first_since(database, at(seconds))) == position
