"""A relay that runs, and what the stream has come to."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

import psycopg
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from domain.environment.events import ExpiryCause, LockGranted
from domain.event import Event
from domain.outward.cloud_event import sequence_of
from projections.storage.database import Database
from tests.support.builders import at
from tests.support.dispatching import until
from workers.embedded import EmbeddedNats
from workers.events.limits import StreamLimits
from workers.events.relay import EventRelay
from workers.events.stream import NAME
from workers.loop import end
from workers.nats_servers import NatsServers
from workers.tasks.broker import BrokerUnavailable

UNLIMITED = StreamLimits()
IDS = """
SELECT convert_from(state, 'utf8')::jsonb ->> 'id' FROM berth_events
ORDER BY notification_id
"""


def story(count: int, environment: str = "e-1") -> Sequence[tuple[str, Event]]:
    return [(environment, granted(number)) for number in range(count)]


def granted(number: int) -> LockGranted:
    return LockGranted(f"ticket_{number}", "ci", number, at(60), ExpiryCause.LEASE)


def lose_store(nats: EmbeddedNats) -> None:
    """The server is killed and everything that it kept is gone; it comes back."""
    nats.kill()
    shutil.rmtree(nats.folder / "jetstream")
    nats.start()


@dataclass(frozen=True)
class Stage:
    url: str
    relay: EventRelay

    @property
    def jetstream(self) -> JetStreamContext:
        return self.relay.broker.jetstream

    async def stored(self) -> Sequence[RawStreamMsg]:
        """All that the stream has, in order."""
        state = (await self.jetstream.stream_info(NAME)).state
        places = range(state.first_seq, state.last_seq + 1) if state.messages else ()
        return [await self.jetstream.get_msg(NAME, place) for place in places]

    async def is_complete(self) -> bool:
        """Whether every event is there, at its position."""
        try:
            found = await self.stored()
        except (NotFoundError, TimeoutError, BrokerUnavailable):
            return False
        ids = await asyncio.to_thread(self.ids)
        heads = [message.headers or {} for message in found]
        assert [message.seq for message in found] == [*range(1, len(found) + 1)]
        assert [h["ce-sequence"] for h in heads] == [
            sequence_of(place) for place in range(1, len(found) + 1)
        ]
        return [h["ce-id"] for h in heads] == ids

    async def completed(self) -> None:
        await until(self.is_complete)

    async def watched(self) -> None:
        """The relay has looked at the stream once more."""
        await until(self._leads)
        await self.relay.watch()

    async def _leads(self) -> bool:
        return self.relay.tail.is_leading

    def ids(self) -> Sequence[str]:
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute(IDS)]


@asynccontextmanager
async def relaying(
    url: str, nats_url: str, limits: StreamLimits = UNLIMITED
) -> AsyncIterator[Stage]:
    with closing(Database(url, pool_max=2, durable=False)) as database:
        relay = EventRelay(NatsServers(nats_url), database, limits)
        tasks = [asyncio.create_task(loop) for loop in relay.loops()]
        try:
            await relay.broker.connected()
            yield Stage(url, relay)
        finally:
            await end(*tasks)


@asynccontextmanager
async def published(url: str, nats_url: str) -> AsyncIterator[Stage]:
    """The same, once the stream has all that there is."""
    async with relaying(url, nats_url) as stage:
        await stage.completed()
        yield stage
