"""Seconds on a clock that goes on while the machine is suspended, as a lease does.

The event loop's own stands still meanwhile, on Linux: whoever waits looks at this one
now and then.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LOOK_EVERY_SECONDS = 0.5
# Without it, as on a Mac, it is this one that goes on.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    return time.clock_gettime(_CLOCK)


async def sleep_until(instant: float) -> None:
    while (left := instant - now()) > 0:  # noqa: ASYNC110 - nobody tells of a clock
        await asyncio.sleep(min(left, LOOK_EVERY_SECONDS))


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """`TimeoutError` if what is done within takes longer."""
    async with asyncio.timeout(None) as limit:
        looking = asyncio.create_task(_look(limit, now() + seconds))
        try:
            yield
        finally:
            looking.cancel()


async def _look(limit: Timeout, end: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        limit.reschedule(loop.time() + end - now())
        await asyncio.sleep(LOOK_EVERY_SECONDS)
