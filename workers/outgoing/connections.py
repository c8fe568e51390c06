"""Connections to receivers: kept and shared for a minute, then made anew.

By then a name may stand for another address. Until then, what a connection leads to is
the address that was checked when it was made.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from workers.networks import Network
from workers.outgoing.addresses import address_from, why_not
from workers.outgoing.names import CheckedNames, Names

CONNECTIONS_SECONDS_MAX = 60.0
# Less than the 5 s after which many servers close: they would break off a request.
IDLE_SECONDS_MAX = 4.0
CONNECT_SECONDS_MAX = 5.0
HEADERS = {"user-agent": "Berth", "accept": "*/*", "accept-encoding": "identity"}
HEADER_BYTES_MAX = 8_190
HEADERS_MAX = 128
# Of headers, body and whatever else comes: more than is ever read of an answer.
RECEIVED_BYTES_MAX = 512 * 1024
REFUSED = "may not be connected to"
AddressInfo = tuple[
    int | socket.AddressFamily,
    int | socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]


class Lines:
    """One session for https, and one for http."""

    def __init__(
        self, names: Names, networks: Sequence[Network], connections_seconds: float
    ) -> None:
        self._names, self._networks = names, networks
        self._seconds = connections_seconds
        self._current: dict[str, _Line] = {}

    @asynccontextmanager
    async def session(self, scheme: str) -> AsyncIterator[aiohttp.ClientSession]:
        line = self._current.get(scheme)
        if line is None or monotonic() - line.made_at > self._seconds:
            old, line = line, _Line(self._make(is_plain=scheme == "http"))
            self._current[scheme] = line
            if old and not old.users:
                await old.session.close()
        line.users += 1
        try:
            yield line.session
        finally:
            line.users -= 1
            if not line.users and self._current.get(scheme) is not line:
                await line.session.close()

    async def close(self) -> None:
        lines, self._current = self._current, {}
        for line in lines.values():
            await line.session.close()

    def _make(self, *, is_plain: bool) -> aiohttp.ClientSession:
        connector = _Connector(
            resolver=CheckedNames(self._names, self._networks, is_plain=is_plain),
            use_dns_cache=False,
            socket_factory=partial(self._socket, is_plain=is_plain),
            ssl=_tls(),
            # So many requests are under way as are let: none waits for another's end,
            # though both may be to the same host.
            limit=0,
            limit_per_host=0,
            keepalive_timeout=IDLE_SECONDS_MAX,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=HEADERS,
            skip_auto_headers=("content-type",),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS_MAX),
            auto_decompress=False,
            trust_env=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            max_headers=HEADERS_MAX,
        )

    def _socket(self, info: AddressInfo, *, is_plain: bool) -> socket.socket:
        """Whatever the client believes that it may do, it gets no other sockets."""
        family, kind, protocol, _, where = info
        address = address_from(str(where[0]))
        if why_not(address, self._networks, is_plain=is_plain):
            raise OSError(REFUSED)
        return socket.socket(family, kind, protocol)


class _Line:
    """A session, and how many requests are under way in it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.made_at = monotonic()
        self.users = 0


class _Connector(aiohttp.TCPConnector):
    """One whose connections are `_Bounded`."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        bounded: type[ResponseHandler] = _Bounded
        self._factory = partial(bounded, loop=self._loop)


class _Bounded(ResponseHandler):
    """One that listens to only so much for each request.

    The client bounds a body by reading it slowly, but neither answers of the kind "100
    Continue" nor those that nobody asked for.
    """

    _received_bytes = 0

    def set_response_params(self, **how: Any) -> None:
        self._received_bytes = 0
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._received_bytes <= RECEIVED_BYTES_MAX:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()


@cache
def _tls() -> ssl.SSLContext:
    """The system's authorities, or those of SSL_CERT_FILE; it takes 20 ms to make."""
    return ssl.create_default_context()
