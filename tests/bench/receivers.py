"""Receivers of webhooks, one a port, in a process of their own: `python -m` PORT....

The first port is told how they are to be (`/control`), and tells what came (`/report`)
and how late (`/late`).
A receiver that is dead does not listen; one that is slow answers after a while.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httptools
import uvloop

from domain.clock import utc_now

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"


@dataclass
class Receiver:
    """What one has received: which events, how many in all, and how late at first."""

    seconds: float = 0
    events: set[str] = field(default_factory=set)
    total: int = 0
    late_ms: list[float] = field(default_factory=list)
    server: asyncio.Server | None = None

    def take(self, event: str, body: bytes) -> None:
        self.total += 1
        if event not in self.events:
            self.events.add(event)
            happened = datetime.fromisoformat(json.loads(body)["timestamp"])
            self.late_ms.append((utc_now() - happened).total_seconds() * 1_000)

    def forget(self) -> None:
        self.events, self.total, self.late_ms = set(), 0, []

    def report(self) -> dict[str, Any]:
        return {"unique": len(self.events), "total": self.total}


class Connection(asyncio.Protocol):
    def __init__(self, receivers: Receivers, port: int) -> None:
        self._receivers, self._port = receivers, port
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body, self._event = b"", b"", ""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"webhook-id":
            self._event = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked = self._receivers.answers(self._path, self._body)
        if asked is not None:
            self._answer(asked)
            return
        receiver = self._receivers.known[self._port]
        receiver.take(self._event, self._body)
        if receiver.seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(receiver.seconds, self._answer, b"")
        else:
            self._answer(b"")

    def _answer(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER % (len(content), content))


class Receivers:
    def __init__(self, ports: list[int]) -> None:
        self._control, *rest = ports
        self.known = {port: Receiver() for port in rest}
        self._tasks: set[asyncio.Task[None]] = set()

    def answers(self, path: bytes, body: bytes) -> bytes | None:
        """What the one who measures asks for; None: it is a delivery."""
        if path.endswith(b"/report"):
            told = {port: one.report() for port, one in self.known.items()}
            return json.dumps(told).encode()
        if path.endswith(b"/late"):
            late = {port: one.late_ms for port, one in self.known.items()}
            return json.dumps(late).encode()
        if path.endswith(b"/control"):
            task = asyncio.create_task(self._become(**json.loads(body)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return b"{}"
        return None

    async def run(self) -> None:
        await self._listen(self._control)
        await asyncio.Event().wait()

    async def _become(
        self, *, dead: list[int], slow: list[int], seconds: float, forget: bool
    ) -> None:
        for port, one in self.known.items():
            one.seconds = seconds if port in slow else 0
            if forget:
                one.forget()
            if port in dead and one.server:
                one.server.close()
                one.server = None
            elif port not in dead and one.server is None:
                one.server = await self._listen(port)

    async def _listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self, port), HOST, port)


if __name__ == "__main__":
    uvloop.run(Receivers([int(port) for port in sys.argv[1:]]).run())
