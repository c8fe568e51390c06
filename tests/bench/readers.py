"""Readers of the event stream, in a process of their own: CONTROL PORT COUNT.

They share the tokens in BENCH_TOKENS. On the control port, whoever connects is told how
many events have come: the fewest that any of them has, and all together.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import uvloop

HOST = "127.0.0.1"
AT_ONCE = 100
EVENT = b"\ndata: "
REQUEST = (
    "GET /sfp/api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
    "Authorization: Bearer %s\r\n\r\n"
)


class Reader(asyncio.Protocol):
    """Takes what comes, and counts the events."""

    def __init__(self, token: str) -> None:
        self._request = (REQUEST % token).encode()
        self._end = b""
        self.events = 0

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        told = self._end + data
        self.events += told.count(EVENT)
        self._end = told[1 - len(EVENT) :]


async def read(tokens: list[str], control: int, port: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    readers: list[Reader] = []

    def one_more() -> Reader:
        readers.append(Reader(tokens[len(readers) % len(tokens)]))
        return readers[-1]

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        events = [reader.events for reader in readers]
        writer.write(json.dumps({"fewest": min(events), "all": sum(events)}).encode())
        writer.close()

    await asyncio.start_server(tell, HOST, control)
    for begin in range(0, count, AT_ONCE):
        some = range(min(AT_ONCE, count - begin))
        await asyncio.gather(
            *(loop.create_connection(one_more, HOST, port) for _ in some)
        )
    await asyncio.Event().wait()


if __name__ == "__main__":
    numbers = map(int, sys.argv[1:])
    uvloop.run(read(os.environ["BENCH_TOKENS"].split(), *numbers))
