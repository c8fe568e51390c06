"""Has the event stream made anew: `berth rebuild events`."""

from __future__ import annotations

import asyncio
from contextlib import closing

from projections.storage.database import Database
from workers.events.stream import EventStream, StreamRefused
from workers.loop import end
from workers.settings import Settings
from workers.tasks.broker import Broker, BrokerUnavailable

CONNECT_SECONDS_MAX = 10


async def make_anew(settings: Settings) -> None:
    """Remove it; the relay of a worker notices, and publishes the journal once more.

    `StreamRefused` if it is another installation's, or NATS does not answer.
    """
    broker = Broker(settings.nats)
    connecting = asyncio.create_task(broker.run())
    try:
        with closing(Database(settings.database_url)) as database:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                await broker.connected()
                await EventStream(broker, database, settings.events).remove()
    except (BrokerUnavailable, TimeoutError):
        raise StreamRefused("NATS does not answer") from None
    finally:
        await end(connecting)
