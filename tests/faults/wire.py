"""HTTP/1.1 as a client in a hurry speaks it: one connection to each server, kept."""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter

HOST = "127.0.0.1"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Wire:
    """For one client, who asks one thing at a time."""

    def __init__(self, bearer: str) -> None:
        self._bearer = bearer
        self._idle: dict[int, tuple[StreamReader, StreamWriter]] = {}

    async def ask(
        self, port: int, method: str, path: str, body: bytes, patience_seconds: float
    ) -> tuple[int, bytes]:
        """Status and body; `OSError` or `EOFError` if no whole answer came in time."""
        async with asyncio.timeout(patience_seconds):
            if port in self._idle:
                reader, writer = self._idle.pop(port)
            else:
                reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(self._head(method, path, len(body)) + body)
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                answer = await reader.readexactly(int(length[1]) if length else 0)
            except BaseException:
                writer.transport.abort()
                raise
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self._idle[port] = (reader, writer)
        return int(head.split(b" ", 2)[1]), answer

    async def close(self) -> None:
        for _, writer in self._idle.values():
            writer.transport.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # Transports close on the loop's next turn.

    def _head(self, method: str, path: str, length: int) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\n"
            f"authorization: Bearer {self._bearer}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()
