"""Wakes whatever waits in one process for what another has appended.

Core NATS carries the names of the streams where calls may wait, and none where only
those want to know who follow the journal. It may lose a message or be down: so each
process also looks at the journal itself now and then (`Lookout`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg

from projections.storage.installation import InstallationId
from workers.nats_client import SteadyClient, connect
from workers.nats_servers import NatsServers

Ring = Callable[[Collection[str]], None]

SUBJECT = "berth.doorbell"
LOOK_EVERY_SECONDS = 0.5
# The first rings at once. After that, who follows the journal finds in one look all
# that was appended meanwhile: each look costs what lock cycles need.
NAMELESS_EVERY_SECONDS = 0.1
STREAMS_PER_MESSAGE = 1_000


class Doorbell:
    """`ring` is called when another process has appended, with the streams it names.

    Another process of the same `installation`: others may share that NATS.
    """

    def __init__(
        self, nats: NatsServers, installation: InstallationId, ring: Ring
    ) -> None:
        self._nats = nats
        self._installation = installation
        self._ring = ring
        self._client: Client | None = None
        self._changed: set[str] = set()
        self._has_news = asyncio.Event()
        self._nameless: asyncio.TimerHandle | None = None
        self._rung_at = 0.0

    def announce(self, streams: Collection[str]) -> None:
        """Tell the other processes, together with whatever else changes just now.

        Without names at once, too, unless it has just rung. While NATS is away, nobody
        is told, and nothing is kept: see `Lookout`.
        """
        if self._client is None or not self._client.is_connected:
            return
        if streams:
            self._changed.update(streams)
            self._has_news.set()
        elif self._nameless is None:
            loop = asyncio.get_running_loop()
            at = self._rung_at + NAMELESS_EVERY_SECONDS
            self._nameless = loop.call_at(at, self._has_news.set)

    async def run(self) -> int:
        """Listen and announce until cancelled, or until NATS closes it for good."""
        subject = f"{SUBJECT}.{await self._installation()}"
        client = self._client = SteadyClient()
        try:
            await connect(
                client, self._nats, when_closed=self._has_news.set, no_echo=True
            )
            await client.subscribe(subject, cb=self._on_message)
            while True:
                await self._has_news.wait()
                if client.is_closed:
                    return 0  # What is new stays so, and is told when run again.
                self._has_news.clear()
                await self._publish(client, subject)
        finally:
            await client.close()

    async def _publish(self, client: Client, subject: str) -> None:
        streams, self._changed = list(self._changed), set()
        if self._nameless is not None:
            self._nameless.cancel()
            self._nameless = None
        self._rung_at = asyncio.get_running_loop().time()
        if not client.is_connected:
            return  # A bell that cannot ring is no reason to wait: see `Lookout`.
        for start in range(0, len(streams) or 1, STREAMS_PER_MESSAGE):
            names = streams[start : start + STREAMS_PER_MESSAGE]
            await client.publish(subject, "\n".join(names).encode())

    async def _on_message(self, message: Msg) -> None:
        self._ring(message.data.decode().splitlines())


class Lookout:
    """The doorbell's second: rings for what it finds in the journal itself.

    It keeps its place while nobody waits, so that nothing falls between somebody's
    parking and the first look after it.
    """

    def __init__(
        self,
        streams_since: Callable[[int], Awaitable[tuple[int, Sequence[str]]]],
        ring: Ring,
    ) -> None:
        self._streams_since = streams_since
        self._ring = ring
        self._position = -1

    async def run_once(self) -> int:
        """Ring for what was appended since the last look."""
        self._position, streams = await self._streams_since(self._position)
        self._ring(streams)
        return 0
