"""The worker's end of the line to a task, which is read to its end."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final

import msgspec

from workers.running.wire import FRAME_BYTES_MAX, LENGTH, Said, Told, frame

_CHUNK_BYTES: Final = 1 << 16


class TaskLine:
    """Not a stream of asyncio's: one of those forgets what was said before it broke.

    It breaks whenever a task ends that has not read all that it was told.
    """

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._heard = bytearray()

    async def say(self, told: Told) -> None:
        """Also if nobody is left to hear it."""
        with suppress(ConnectionError):
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(self._socket, frame(told))

    async def hear(self) -> Said:
        """The next frame. `EOFError` if there is none, `DecodeError` if it is none."""
        (length,) = LENGTH.unpack(await self._exactly(LENGTH.size))
        if length > FRAME_BYTES_MAX:
            raise msgspec.DecodeError(f"a frame of {length} bytes")
        said: Said = msgspec.json.decode(await self._exactly(length), type=Said)
        return said

    def close(self) -> None:
        self._socket.close()

    async def _exactly(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        while len(self._heard) < size:
            await asyncio.sleep(0)  # who speaks without end is not all there is to hear
            news = b""
            with suppress(ConnectionError):
                news = await loop.sock_recv(self._socket, _CHUNK_BYTES)
            if not news:
                raise EOFError("the task has closed its end")
            self._heard += news
        body = bytes(self._heard[:size])
        del self._heard[:size]
        return body
