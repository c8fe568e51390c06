"""Runs the application: uvicorn, with limits on what a client may send and hold."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp

from api.http_limits import LimitedProtocol

KEEP_ALIVE_SECONDS = 30
STOPPING_SECONDS_MAX = 5
BACKLOG = 4_096


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are set on the loop: uvicorn's would raise the signal once more."""
        yield


async def serve(app: ASGIApp, host: str, port: int, on_stop: Callable[[], None]) -> int:
    """Serve until a signal; return the exit code.

    `on_stop` sends the long polls home: uvicorn waits for every request before it ends.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=LimitedProtocol,
            loop="none",
            ws="none",
            lifespan="on",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            access_log=False,
            log_config=None,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOPPING_SECONDS_MAX,
        )
    )

    def stop() -> None:
        server.force_exit = server.should_exit  # Told twice: at once.
        server.should_exit = True
        on_stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it cannot start
        return error.code if isinstance(error.code, int) else 1
    return 0
