"""One connection to NATS, kept for as long as the process runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nats.js import JetStreamContext

from workers.nats_client import connect
from workers.nats_servers import NatsServers
from workers.tasks.batch_client import BatchClient

ANSWER_SECONDS_MAX = 1.5


class BrokerUnavailable(Exception):
    """NATS does not answer just now; what was to go there is still to be sent."""


class Broker:
    """`client` and `jetstream` are there while NATS is.

    `when_back` is called at each connection after the first.
    """

    def __init__(self, nats: NatsServers) -> None:
        self.when_back: list[Callable[[], None]] = []
        self._nats = nats
        self._client: BatchClient | None = None
        self._jetstream: JetStreamContext | None = None
        self._connected = asyncio.Event()
        self._has_been = False

    @property
    def client(self) -> BatchClient:
        """`BrokerUnavailable` if there is none."""
        if self._client is None or not self._client.is_connected:
            raise BrokerUnavailable("NATS is not connected")
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """`BrokerUnavailable` if there is no connection."""
        if self._jetstream is None or not self.client.is_connected:
            raise BrokerUnavailable("NATS is not connected")
        return self._jetstream

    async def connected(self) -> BatchClient:
        """The client, once there is one."""
        await self._connected.wait()
        return self.client

    async def run(self) -> int:
        """Connect, and stay so until cancelled, or until NATS closes it for good."""
        client, closed = BatchClient(), asyncio.Event()
        try:
            await connect(
                client, self._nats, when_closed=closed.set, when_back=self._tell
            )
            self._client = client
            self._jetstream = client.jetstream(timeout=ANSWER_SECONDS_MAX)
            self._connected.set()
            if self._has_been:
                self._tell()
            self._has_been = True
            await closed.wait()
        finally:
            self._connected.clear()
            self._client = self._jetstream = None
            await client.close()
        return 0

    def _tell(self) -> None:
        for listener in self.when_back:
            listener()
