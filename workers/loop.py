"""How every worker runs: one pass, again and again, until cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

log = structlog.get_logger()
RunOnce = Callable[[], Awaitable[int]]
# Once the database is back, a lock whose time is up must not wait a second more.
BACKOFF_SECONDS_MAX = 0.25
CANCEL_AGAIN_SECONDS = 0.5


async def run_forever(
    name: str, run_once: RunOnce, every_seconds: float, *, in_bulk: bool = False
) -> None:
    """Run at once again while there is work; else, and after a failure, rest first.

    `in_bulk` rests after every pass: it does all there is, and the more that has come
    together by the next one, the less each piece costs.

    A failing pass is logged and tried again, later each time, for ever: whatever it
    wanted to do is still to be done.
    """
    failures = 0
    while True:
        try:
            worked = await run_once()
        except Exception as error:  # noqa: BLE001 - nothing may end a worker's loop
            failures += 1
            rest = min(every_seconds * 2**failures, BACKOFF_SECONDS_MAX)
            log.warning("worker failed", worker=name, error=str(error), again_in=rest)
            await asyncio.sleep(rest)
        else:
            failures = 0
            await asyncio.sleep(0 if worked and not in_bulk else every_seconds)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and again until they have ended.

    A cancellation can be lost: `wait_for` of Python 3.11 drops it if what it waits for
    fails at that moment, and nats-py then goes on to look for a server, for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
