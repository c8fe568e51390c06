"""What the server writes of an answer leaves together."""

from __future__ import annotations

import asyncio
import socket

from api.corked import Corked


class Arrivals(asyncio.Protocol):
    """Each piece as it comes; `b""` at the end."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    def data_received(self, data: bytes) -> None:
        self.pieces.put_nowait(data)

    def eof_received(self) -> None:
        self.pieces.put_nowait(b"")


async def connected() -> tuple[Corked, asyncio.Queue[bytes]]:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    _, arrivals = await loop.create_connection(Arrivals, sock=there)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
    return Corked(transport, loop), arrivals.pieces


def test_head_and_body_are_one_write() -> None:
    asyncio.run(head_and_body_are_one_write())


async def head_and_body_are_one_write() -> None:
    corked, pieces = await connected()
    corked.write(b"head")
    corked.write(b"body")
    assert await pieces.get() == b"headbody"
    corked.close()
    assert await pieces.get() == b""


def test_a_write_by_itself_leaves_at_the_end_of_the_tick() -> None:
    asyncio.run(a_write_by_itself_leaves_at_the_end_of_the_tick())


async def a_write_by_itself_leaves_at_the_end_of_the_tick() -> None:
    corked, pieces = await connected()
    for piece in b"one", b"two":
        corked.write(piece)
        assert await pieces.get() == piece
    corked.close()


def test_what_is_held_leaves_before_the_end() -> None:
    asyncio.run(what_is_held_leaves_before_the_end())


async def what_is_held_leaves_before_the_end() -> None:
    corked, pieces = await connected()
    corked.write(b"last")
    corked.close()
    assert [await pieces.get(), await pieces.get()] == [b"last", b""]
