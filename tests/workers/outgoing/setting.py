"""Somebody who sends, a name server to ask, and servers that answer anything at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.support.name_server import HOST, NameServer, name_server
from workers.networks import networks_from
from workers.outgoing import Answer, Outgoing

BODY = b'{"type":"berth.lock.acquired.v1"}'
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def sending(
    networks: str = "127.0.0.1/32", connections_seconds: float = 60.0
) -> AsyncIterator[tuple[Outgoing, NameServer]]:
    async with name_server() as server:
        outgoing = Outgoing(
            networks_from(networks),
            names=server.names(),
            connections_seconds=connections_seconds,
        )
        try:
            yield outgoing, server
        finally:
            await outgoing.close()


async def post(
    outgoing: Outgoing, url: str, timeout_seconds: float = 10.0, /, **headers: str
) -> Answer:
    return await outgoing.post(
        url,
        method="POST",
        headers={"content-type": "application/json", **headers},
        body=BODY,
        timeout_seconds=timeout_seconds,
    )


@asynccontextmanager
async def speaking(speak: Speak) -> AsyncIterator[str]:
    """The URL of a server that does as `speak` does, whatever HTTP says."""
    conversations: set[asyncio.Task[None]] = set()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        conversations.add(task)
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(hear, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
