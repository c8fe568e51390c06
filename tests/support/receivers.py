"""Receivers of webhooks: fast, in this process, and as unwell as a test likes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import httptools
from msgspec import Struct

HOST = "127.0.0.1"


class Received(Struct):
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Receiver:
    """`status`, `headers` and `body` are its answer, `seconds` later."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.body = b"ok"
        self.seconds = 0.0
        self.received: list[Received] = []
        self.connections = 0
        self.host = HOST
        self.port = 0
        self.scheme = "http"
        self._arrival = asyncio.Event()
        self._departure = asyncio.Event()
        self._open: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"

    async def got(self, count: int = 1) -> list[Received]:
        """What it has received, once that is so much."""
        while len(self.received) < count:
            self._arrival.clear()
            await self._arrival.wait()
        return self.received

    async def gone(self) -> None:
        """Once nobody is connected to it any more."""
        while self._open:
            self._departure.clear()
            await self._departure.wait()

    async def live(self) -> None:
        """Listen: at the port that it had before, if it had one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), self.host, self.port, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Listen no more, and break off what is under way."""
        server, self._server = self._server, None
        if server:
            server.close()
            for transport in list(self._open):
                transport.abort()
            await server.wait_closed()

    def speaks_tls(self, context: ssl.SSLContext) -> None:
        self._context, self.scheme = context, "https"

    def takes(self, request: Received) -> None:
        self.received.append(request)
        self._arrival.set()

    def answer(self) -> bytes:
        fields = {"content-length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode() + self.body


class _Connection(asyncio.Protocol):
    """Reads requests and answers each, by httptools' callbacks."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by its class.
        self._transport = cast("asyncio.Transport", transport)
        self._receiver._open.add(self._transport)
        self._receiver.connections += 1
        self._number = self._receiver.connections

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._receiver._open.discard(self._transport)
        self._receiver._departure.set()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._receiver.takes(
            Received(
                self._parser.get_method().decode(),
                self._path.decode(),
                self._headers,
                self._body,
                self._number,
            )
        )
        if self._receiver.seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._receiver.seconds, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._receiver.answer())


@asynccontextmanager
async def receivers(
    count: int,
    *,
    host: str = HOST,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[list[Receiver]]:
    """So many of them, alive."""
    async with AsyncExitStack() as stack:
        all_of_them = [Receiver() for _ in range(count)]
        for one in all_of_them:
            one.host, one.port = host, port
            if tls:
                one.speaks_tls(tls)
            await one.live()
            stack.push_async_callback(one.die)
        yield all_of_them
