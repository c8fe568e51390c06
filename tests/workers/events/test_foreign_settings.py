"""A stream that somebody else has made beforehand loses nothing, or is refused."""

from __future__ import annotations

from typing import Any

import nats as nats_client
import pytest
import uvloop
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from tests.support.dispatching import until
from tests.workers.events.stage import relaying
from workers.embedded import EmbeddedNats
from workers.events.stream import NAME, SUBJECTS, UNFIT


async def make(url: str, settings: dict[str, Any]) -> None:
    client = await nats_client.connect(url)
    config = StreamConfig(name=NAME, subjects=SUBJECTS, **settings)
    await client.jetstream().add_stream(config)
    await client.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"max_msgs": 3},
        {"max_msgs_per_subject": 1},
        {"max_msg_size": 100},
        {"max_bytes": 1_000},
        {"max_age": 1},
        {"no_ack": True},
    ],
    ids=str,
)
def test_bounds_that_would_lose_events_are_lifted(
    journal_of_some: str, nats: EmbeddedNats, settings: dict[str, Any]
) -> None:
    async def scene() -> None:
        await make(nats.url, settings)
        async with relaying(journal_of_some, nats.url) as stage:
            await stage.completed()
            config = (await stage.jetstream.stream_info(NAME)).config
            bounds = config.max_msgs, config.max_msgs_per_subject, config.max_msg_size
            assert bounds == (-1, -1, -1)
            assert not config.no_ack

    uvloop.run(scene())


@pytest.mark.parametrize(
    "settings",
    [{"storage": StorageType.MEMORY}, {"retention": RetentionPolicy.WORK_QUEUE}],
    ids=str,
)
def test_what_cannot_be_changed_is_told_and_nothing_is_published(
    journal_of_some: str, nats: EmbeddedNats, settings: dict[str, Any]
) -> None:
    async def scene() -> None:
        await make(nats.url, settings)
        async with relaying(journal_of_some, nats.url) as stage:

            async def is_told() -> bool:
                return any(UNFIT in why for why in stage.relay._complaints.values())

            await until(is_told)
            await stage.watched()
            assert await is_told()
            assert (await stage.jetstream.stream_info(NAME)).state.messages == 0

    uvloop.run(scene())
