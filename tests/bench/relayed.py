"""Events on their way to NATS: the relay's, beside a plain publication of the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from time import monotonic, time
from typing import LiteralString

import msgspec
import psycopg
from eventsourcing.persistence import JSONTranscoder
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy, StreamConfig

from domain.environment.events import LockAcquired
from domain.ids import new_id
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import EventMapper
from tests.golden.examples import EXAMPLES, recorded
from tests.support.dispatching import until
from workers.events.limits import StreamLimits
from workers.events.message import Message, message_of
from workers.events.relay import EventRelay
from workers.events.stream import NAME
from workers.loop import end
from workers.nats_servers import NatsServers

MIB = 1 << 20
COPY: LiteralString = """
COPY berth_events (originator_id, originator_version, topic, state, notification_id)
FROM STDIN
"""
BARE = "BARE"


def events(count: int) -> Sequence[Recorded]:
    """Acquired locks, one after the other."""
    [example] = (e for e in EXAMPLES if isinstance(e, LockAcquired))
    return [
        msgspec.structs.replace(
            recorded(example), originator_version=place, position=place, id=new_id()
        )
        for place in range(1, count + 1)
    ]


def fill(url: str, records: Sequence[Recorded]) -> None:
    mapper = EventMapper(JSONTranscoder())
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(COPY) as copy,
    ):
        for record in records:
            stored = mapper.to_stored_event(record)
            stream, version = stored.originator_id, stored.originator_version
            copy.write_row(
                (stream, version, stored.topic, stored.state, record.position)
            )


async def relay(url: str, nats_url: str, count: int) -> float:
    """Events a second, from the journal to the checkpoint after their acknowledgement.

    All of it: to connect, to make the stream, to read and to publish.
    """
    with closing(Database(url, pool_max=2, durable=False)) as database:
        relay = EventRelay(NatsServers(nats_url), database, StreamLimits())

        async def is_done() -> bool:
            return relay.tail.position >= count

        began = monotonic()
        tasks = [asyncio.create_task(loop) for loop in relay.loops()]
        try:
            await until(is_done)
            return count / (monotonic() - began)
        finally:
            await relay.stream.remove()
            await end(*tasks)


async def publish_plainly(nats_url: str, records: Sequence[Recorded]) -> float:
    """Events a second, one message each, without a wait between them."""
    messages = [message_of(record, "here", MIB) for record in records]
    async with connected(nats_url) as client:
        context = client.jetstream()
        subject = messages[0].subject
        await context.add_stream(StreamConfig(name=BARE, subjects=[subject]))
        try:
            began = monotonic()
            await _all_acknowledged(client, messages)
            return len(messages) / (monotonic() - began)
        finally:
            await context.delete_stream(BARE)


async def _all_acknowledged(client: Client, messages: Sequence[Message]) -> None:
    left, done, inbox = len(messages), asyncio.Event(), client.new_inbox()

    async def on_answer(answer: Msg) -> None:
        nonlocal left
        assert b'"error"' not in answer.data
        left -= 1
        if not left:
            done.set()

    await client.subscribe(inbox, cb=on_answer)
    for message in messages:
        await client.publish(
            message.subject, message.data, reply=inbox, headers=message.headers
        )
    await done.wait()


async def lags_ms(nats_url: str, stop: asyncio.Event) -> Sequence[float]:
    """From the append's instant to the arrival at a subscriber, until told to stop."""
    lags: list[float] = []

    async def on_event(message: Msg) -> None:
        heads = message.headers or {}
        appended = datetime.fromisoformat(heads["ce-time"]).timestamp()
        lags.append((time() - appended) * 1_000)

    async with connected(nats_url) as client:
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
        await client.jetstream().subscribe(
            "", stream=NAME, cb=on_event, ordered_consumer=True, config=config
        )
        await stop.wait()
    return lags


@asynccontextmanager
async def connected(nats_url: str) -> AsyncIterator[Client]:
    client = Client()
    await client.connect(nats_url)
    try:
        yield client
    finally:
        await client.close()
