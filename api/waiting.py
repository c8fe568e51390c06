"""Long polls: bounded for each caller, and given up when the client goes away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from time import monotonic
from typing import Any

from litestar import Request

from api.requests import gone
from domain.decider import Outcome
from domain.errors import TooMany
from domain.event import Actor
from projections.environment_listing import sql
from projections.storage.reader import Reader

WAITS_PER_CALLER_MAX = 5_000
TICKETS_PER_CALLER_MAX = 5_000
COUNT_FOR_SECONDS = 1
SOON_SECONDS = 0.25

Waits = Counter[tuple[str, str | None]]


async def wait_for_turn(
    asking: Coroutine[Any, Any, Outcome], actor: Actor, request: Request[Any, Any, Any]
) -> Outcome:
    """What `asking` comes to. If the client goes away, this task is cancelled."""
    waits: Waits = request.app.state.waits
    key = (actor.id, actor.application)
    if waits[key] >= WAITS_PER_CALLER_MAX:
        asking.close()
        raise TooMany(f"{WAITS_PER_CALLER_MAX} requests of yours wait already")
    waits[key] += 1
    watch = Watch(request)
    try:
        return await asking
    finally:
        watch.stop()
        waits[key] -= 1
        if not waits[key]:
            del waits[key]


class Watch:
    """Cancels the task that made it once the client of `request` has gone away.

    It begins a moment later: most answers have left by then.
    """

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request = request
        self._task = asyncio.current_task()
        self._leaving: asyncio.Future[None] | None = None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SOON_SECONDS, self._begin)

    def stop(self) -> None:
        self._timer.cancel()
        if self._leaving is not None:
            self._leaving.cancel()

    def _begin(self) -> None:
        self._leaving = asyncio.ensure_future(gone(self._request))
        self._leaving.add_done_callback(self._end)

    def _end(self, leaving: asyncio.Future[None]) -> None:
        if self._task is not None and not leaving.cancelled():
            self._task.cancel()


class TicketQuota:
    """At most so many open tickets for each caller, by a count up to a second old.

    It protects the server from a job gone wild; being off by a few does no harm.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._counts: dict[tuple[str, str | None], tuple[float, int]] = {}

    async def check(self, actor: Actor) -> None:
        """Count one more; `TooMany` when that is too many."""
        key, now = (actor.id, actor.application), monotonic()
        since, count = self._counts.get(key, (0.0, 0))
        if now - since > COUNT_FOR_SECONDS:
            self._counts[key] = (now, count)  # Others need not ask meanwhile.
            values = {"requested_by": actor.id, "application": actor.application}
            rows = await self._reader.peek(sql["count_open_tickets"], values)
            count = int(rows[0]["open"])
        if count >= TICKETS_PER_CALLER_MAX:
            raise TooMany(f"{count} tickets of yours are open; release some")
        self._counts[key] = (self._counts[key][0], count + 1)
