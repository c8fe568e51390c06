"""`berth api` and `berth worker`: each a process that runs until a signal."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import AsyncExitStack, suppress

import uvloop

from api.access_log import FLUSH_EVERY_SECONDS, AccessLog
from api.app import build, build_beside_worker
from api.server import serve, serving
from api.worker_desk import answering_workers
from domain.errors import JournalUnavailable, Stopping
from workers.giving_way import give_way
from workers.logs import configure_logs
from workers.loop import run_forever
from workers.open_files import allow_open_files
from workers.settings import Settings, from_environment
from workers.tracing import tracing
from workers.wiring import running

# The event loop shares one interpreter lock with the threads that read views and the
# vault: at the default of 5 ms, a request would wait too long for one of them.
SWITCH_INTERVAL_SECONDS = 0.000_5
GC_THRESHOLDS = (50_000, 20, 100)


def serve_api() -> int:
    """Run the API alone, with the settings of the environment."""
    settings = _prepare()
    with tracing("api"):
        return uvloop.run(_serve_api(settings))


async def _serve_api(settings: Settings) -> int:
    async with running(settings) as services:
        access_log = AccessLog(services.journal, services.subjects.by_now)
        flushing = asyncio.create_task(
            run_forever("access-log", access_log.flush_once, FLUSH_EVERY_SECONDS)
        )

        def on_stop() -> None:
            reason = Stopping("this process is stopping; ask again")
            services.journal.release_waiting(reason)
            services.feed.close()

        try:
            app = build(services, access_log)
            return await serve(
                app, settings.host, settings.port, on_stop, settings.drain_seconds
            )
        finally:
            flushing.cancel()
            with suppress(JournalUnavailable):
                await access_log.close()


def run_worker() -> int:
    """Run a worker alone, with the settings of the environment."""
    settings = _prepare()
    give_way()
    with tracing("worker"):
        return uvloop.run(_run_worker(settings))


async def _run_worker(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(running(settings, with_workers=True))
        await stack.enter_async_context(answering_workers(services))
        if settings.metrics_port is not None:
            app = build_beside_worker(services)
            beside = serving(app, settings.host, settings.metrics_port)
            await stack.enter_async_context(beside)
        await stop.wait()
    return 0


def _prepare() -> Settings:
    settings = from_environment()
    configure_logs(settings.log_level)
    allow_open_files()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    # What is imported stays; looking through all of it again, and through thousands of
    # waiting calls, would stop everybody for a tenth of a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return settings
