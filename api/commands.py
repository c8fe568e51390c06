"""What `berth api`, `worker`, `rebuild` and `token` do."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic

import uvloop

from api.access_log import FLUSH_EVERY_SECONDS, AccessLog
from api.app import build, build_beside_worker
from api.person_tokens import Signer
from api.progress import progress_shown
from api.server import serve, serving
from api.up_folder import journal_of, settings_of
from api.worker_desk import answering_workers
from domain.errors import JournalUnavailable, Stopping
from domain.roles import Role
from projections.rebuild import rebuild
from projections.views import VIEWS
from workers.erasing import check_is_a_person
from workers.events.anew import make_anew
from workers.giving_way import give_way
from workers.logs import configure_logs
from workers.loop import run_forever
from workers.settings import Settings, SettingsError, from_environment, secret_from
from workers.tracing import tracing
from workers.wiring import running

EVENTS = "events"
# The event loop shares one interpreter lock with the threads that read views and the
# vault: at the default of 5 ms, a request would wait too long for one of them.
SWITCH_INTERVAL_SECONDS = 0.000_5
GC_THRESHOLDS = (50_000, 20, 100)


def serve_api() -> int:
    """Until a signal; the exit code. `SettingsError` if one makes no sense."""
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
    """As above."""
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


def rebuild_views(names: Sequence[str], data_dir: Path | None) -> str:
    """All of them if none is named; what has become of them, in a line.

    `SettingsError` if there is no view of such a name.
    """
    if unknown := set(names) - {*VIEWS, EVENTS}:
        known = ", ".join(sorted({*VIEWS, EVENTS}))
        raise SettingsError(f"no view {min(unknown)}; there are {known}")
    if EVENTS in names:
        asyncio.run(make_anew(settings_of(data_dir)))
    views = [VIEWS[name] for name in VIEWS if name in names or not names]
    if not views:
        return f"{EVENTS}: will be published anew by a worker"
    began = monotonic()
    with progress_shown() as report:
        rebuild(*journal_of(data_dir), views, report)
    told = ", ".join(view.name for view in views)
    return f"{told}: rebuilt in {monotonic() - began:.1f} s"


def token(subject: str, role: Role, valid_for: timedelta) -> str:
    """`Invalid` if nobody's token may speak for `subject`."""
    check_is_a_person(subject)
    return Signer(secret_from()).issue(subject, role, valid_for)


def _prepare() -> Settings:
    settings = from_environment()
    configure_logs(settings.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    # What is imported stays; looking through all of it again, and through thousands of
    # waiting calls, would stop everybody for a tenth of a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return settings
