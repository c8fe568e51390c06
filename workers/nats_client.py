"""How a connection to NATS is made that is to last as long as the process."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import Error

from workers.nats_servers import NatsServers
from workers.nats_urls import credentials_in, nats_servers_from, secrets_in

log = structlog.get_logger()
CONNECT_TIMEOUT_SECONDS = 2
PING_SECONDS = 5
TOLD_EVERY_SECONDS = 60


class WithoutTls(Error):
    """The server has no TLS, or somebody in between says so: it is told nothing."""

    def __str__(self) -> str:
        return "the server has no TLS"


class SteadyClient(Client):
    """nats-py, which reads no further once it was sent a message that it cannot read.

    It finds that out when two pings have stayed unanswered. Where TLS is asked for, it
    takes a server's word that there is none, and sends it the token as it is. Pinned
    with nats-py's minor version, since the hooks are its own.
    """

    where: NatsServers

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """For each connection a new one: certificates are renewed meanwhile."""
        return self.where.context()

    async def _process_info(
        self, info: dict[str, Any], initial_connection: bool = False
    ) -> None:
        if initial_connection and self._asks_for_tls:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise WithoutTls
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    async def _attempt_reconnect(self) -> None:
        """With no farewell: TLS waits 30 s for that of a server that is gone."""
        self._hang_up()
        await super()._attempt_reconnect()

    async def _connect_to_server(self, s: Any) -> None:
        """nats-py leaves a connection open of which nothing came."""
        self._hang_up()
        await super()._connect_to_server(s)

    def _hang_up(self) -> None:
        if isinstance(self._transport, TcpTransport):
            writer = self._transport._io_writer  # noqa: SLF001 - the hook is its own
            if writer is not None:
                writer.transport.abort()

    @property
    def _asks_for_tls(self) -> bool:
        """By hand: over WebSocket, that is `wss` and done with by now."""
        assert self._current_server is not None
        scheme = self._current_server.uri.scheme
        return scheme == "tls" or (scheme == "nats" and self.where.has_files)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:  # noqa: BLE001 - what is in it is its sender's to choose
            await self._error_cb(error)


class Outage:
    """Tells that NATS is away, not more often than once a minute, and that it is back.

    One for all clients of a process: they are away together.
    """

    def __init__(self) -> None:
        self._told_at = -inf
        self._is_told = False

    def goes_on(self, kind: str, said: str) -> None:
        """A client has tried in vain."""
        if monotonic() - self._told_at < TOLD_EVERY_SECONDS:
            return
        self._told_at, self._is_told = monotonic(), True
        log.warning("NATS cannot be reached", kind=kind, error=said)

    def is_over(self) -> None:
        """A client is connected."""
        if self._is_told:
            self._is_told = False
            log.info("NATS is reached again")


OUTAGE = Outage()


async def connect(
    client: SteadyClient,
    where: NatsServers,
    *,
    when_closed: Callable[[], None],
    when_back: Callable[[], None] = lambda: None,
    **options: Any,
) -> None:
    """Connect, however long NATS is away, and again whenever it has been.

    `when_back` is called whenever it is connected again.

    `when_closed` is called once `client` has given up for good: nats-py does so at
    nearly every error that NATS tells of, such as an authentication that has expired
    or too many connections. After that only a new client gets anywhere.

    `options` are further ones of nats-py.
    """
    client.where = where
    servers = nats_servers_from(where.url)
    secrets = secrets_in(servers)

    async def closed() -> None:
        when_closed()

    async def reconnected() -> None:
        OUTAGE.is_over()
        when_back()

    async def failed(error: Exception) -> None:
        said = str(error) or "it does not answer"  # as of what took too long
        for secret in secrets:
            said = said.replace(secret, "***")
        if client.is_connected:
            log.debug("nats", error=said)
        else:
            OUTAGE.goes_on(type(error).__name__, said)

    await client.connect(
        servers,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        ping_interval=PING_SECONDS,
        error_cb=failed,
        closed_cb=closed,
        reconnected_cb=reconnected,
        **credentials_in(servers),
        **options,
    )
    OUTAGE.is_over()
