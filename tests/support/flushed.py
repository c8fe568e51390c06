"""A flush of a client of NATS that all it has said goes before."""

from __future__ import annotations

from nats.aio.client import Client


async def flushed(client: Client) -> None:
    """Once the server has it all.

    nats-py's own asks the server for an answer ahead of what waits to be written.
    """
    await client._flush_pending(force_flush=True)
    await client.flush()
