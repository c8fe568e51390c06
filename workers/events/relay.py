"""Follows the journal and publishes every event, one relay at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

import structlog

from domain.catalog import AnyEvent
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.tail import Tail
from workers.events.limits import StreamLimits
from workers.events.message import message_of
from workers.events.publishing import Overtaken, batches, publish
from workers.events.stream import NAME, EventStream, StreamRefused
from workers.loop import run_forever
from workers.nats_servers import NatsServers
from workers.tasks.broker import Broker, BrokerUnavailable

log = structlog.get_logger()
TAIL = "event-relay"
LOOK_EVERY_SECONDS = 1.0
RETRY_EVERY_SECONDS = 0.5
# JetStream makes and removes eight files for a batch and syncs six times, on the disk
# that PostgreSQL may write to: where much happens, let there be few.
PAUSE_SECONDS = 0.1
PUBLISHING, LOOKING = "publishing", "looking"
NEWER = "the journal has events of a kind that only a newer version of Berth knows"


class EventRelay:
    """The stream says how far it has got; the tail's place is but where to start."""

    def __init__(
        self, nats: NatsServers, database: Database, limits: StreamLimits
    ) -> None:
        self.broker = Broker(nats)
        self.broker.when_back.append(self._doubt)
        self.stream = EventStream(self.broker, database, limits)
        events = get_args(AnyEvent)
        self.tail = Tail(
            database,
            TAIL,
            events,
            self.hand_on,
            pause_seconds=PAUSE_SECONDS,
            when_leading=self._doubt,
        )
        self._last: int | None = None  # None: ask the stream
        self._one_at_a_time = asyncio.Lock()
        self._complaints: dict[str, str] = {}

    def loops(self) -> Sequence[Any]:
        return (
            run_forever("event-broker", self.broker.run, RETRY_EVERY_SECONDS),
            run_forever(TAIL, self.tail.run, RETRY_EVERY_SECONDS),
            run_forever("event-watch", self.watch, LOOK_EVERY_SECONDS),
        )

    async def hand_on(self, records: Sequence[Recorded]) -> bool:
        """Publish what the stream does not have yet; False if it does not take it."""
        async with self._one_at_a_time:
            try:
                is_done = await self._give(records)
            except (BrokerUnavailable, StreamRefused) as error:
                self._complain(PUBLISHING, str(error))
                return False
        self._complain(PUBLISHING)
        return is_done

    async def watch(self) -> int:
        """While nothing happens, too: is the stream still as it was left?"""
        if self.tail.is_leading:
            async with self._one_at_a_time:
                self._doubt()
                try:
                    last = await self._end_of_stream()
                except (BrokerUnavailable, StreamRefused) as error:
                    self._complain(LOOKING, str(error))
                else:
                    self._complain(LOOKING)
                    if last < self.tail.position:
                        self._go_back_to(last)
        return 0

    async def _end_of_stream(self) -> int:
        if self._last is None:
            self._last = await self.stream.look()
        return self._last

    async def _give(self, records: Sequence[Recorded]) -> bool:
        """All that the stream lacks; False if that begins before `records`."""
        while True:
            last = await self._end_of_stream()
            if self.tail.position > last:
                self._go_back_to(last)
                return False
            try:
                await self._publish(last, [r for r in records if r.position > last])
            except Overtaken:
                # It was stored meanwhile, unless the stream is where it was.
                if await self._end_of_stream() <= last:
                    raise
            else:
                return True

    async def _publish(self, last: int, records: Sequence[Recorded]) -> None:
        client, here = self.broker.client, await self.stream.installation()
        room = client.max_payload
        next_ones = [r for n, r in enumerate(records, last + 1) if r.position == n]
        for batch in batches(message_of(r, here, room) for r in next_ones):
            # Until it is acknowledged, only the stream knows where it ends.
            self._doubt()
            await publish(client, NAME, batch)
            self._last = batch[-1].position
        if len(next_ones) < len(records):
            raise StreamRefused(NEWER)

    def _doubt(self) -> None:
        self._last = None

    def _go_back_to(self, last: int) -> None:
        log.warning("the event stream lacks events, and is given them", after=last)
        self.tail.rewind(last)

    def _complain(self, of: str, why: str = "") -> None:
        """Once, until it is something else, or over."""
        before = set(self._complaints.values())
        self._complaints[of] = why
        if why and why not in before:
            log.error("events are not published", why=why)
        elif any(before) and not any(self._complaints.values()):
            log.info("events are published again")
