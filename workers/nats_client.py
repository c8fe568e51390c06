"""How a connection to NATS is made that is to last as long as the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from nats.aio.client import Client

log = structlog.get_logger()
CONNECT_TIMEOUT_SECONDS = 2
PING_SECONDS = 5


async def connect(
    client: Client, url: str, *, when_closed: Callable[[], None], **options: Any
) -> None:
    """Connect, however long NATS is away, and again whenever it has been.

    `when_closed` is called once `client` has given up for good: nats-py does so at
    nearly every error that NATS tells of, such as an authentication that has expired
    or too many connections. After that only a new client gets anywhere.

    `options` are further ones of nats-py.
    """

    async def closed() -> None:
        when_closed()

    await client.connect(
        url,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        ping_interval=PING_SECONDS,
        error_cb=_quietly,
        closed_cb=closed,
        **options,
    )


async def _quietly(error: Exception) -> None:
    log.debug("nats", error=str(error))
