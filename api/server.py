"""Runs an application: uvicorn, with limits on what a client may send and hold."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

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


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    on_stop: Callable[[], None],
    drain_seconds: float = 0,
) -> int:
    """Serve until a signal; return the exit code.

    `on_stop` sends the long polls home: uvicorn waits for every request before it ends.
    For `drain_seconds` more everybody is still answered, while proxies learn that this
    process is not ready any more; then requests have `STOPPING_SECONDS_MAX` to end.
    """
    server = _server(app, host, port)
    is_told = False

    def stop() -> None:
        nonlocal is_told
        if is_told:  # Told twice: at once.
            server.should_exit = server.force_exit = True
            return
        is_told = True
        on_stop()
        loop.call_later(drain_seconds, _end, server)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it cannot start
        return error.code if isinstance(error.code, int) else 1
    return 0


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Serve inside, beside whatever else this process does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Here, since uvicorn would end the process if it cannot be had.
    with socket.create_server((host, port), family=family) as listening:
        server = _server(app, host, port)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield
        finally:
            _end(server)
            await running


def _end(server: _Server) -> None:
    server.should_exit = True


def _server(app: ASGIApp, host: str, port: int) -> _Server:
    return _Server(
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
