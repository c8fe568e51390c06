"""Long polls: bounded for each caller, and given up when the client goes away."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Coroutine
from time import monotonic
from typing import Any, LiteralString, TypeVar

from litestar import Request

from api.requests import gone
from domain.errors import TooMany
from domain.event import Actor
from projections.environment_listing import sql as tickets_sql
from projections.schedule_board import sql as schedules_sql
from projections.storage.reader import Reader
from projections.task_board import sql as tasks_sql

WAITS_PER_CALLER_MAX = 5_000
TICKETS_PER_CALLER_MAX = 5_000
TASKS_PER_CALLER_MAX = 10_000
SCHEDULES_PER_CALLER_MAX = 1_000
COUNT_FOR_SECONDS = 1
SOON_SECONDS = 0.25
REMEMBERED_MAX = 10_000

T = TypeVar("T")
Who = tuple[str, str | None]
Waits = Counter[Who]


async def wait_for_turn(
    asking: Coroutine[Any, Any, T], actor: Actor, request: Request[Any, Any, Any]
) -> T:
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
            self._request.scope["state"]["is_gone"] = True
            self._task.cancel()


class Quota:
    """At most so many of something for each caller, by a count up to a second old.

    It protects the server from a job gone wild; being off by a few does no harm.
    """

    def __init__(
        self, reader: Reader, statement: LiteralString, at_most: int, told: str
    ) -> None:
        self._reader = reader
        self._statement = statement
        self._at_most = at_most
        self._told = told
        self._counts: OrderedDict[Who, tuple[float, int]] = OrderedDict()

    async def check(self, actor: Actor) -> None:
        """Count one more; `TooMany` when that is too many."""
        key, now = (actor.id, actor.application), monotonic()
        since, count = self._counts.get(key, (0.0, 0))
        if now - since > COUNT_FOR_SECONDS:
            since = now
            self._counts[key] = (since, count)  # Others need not ask meanwhile.
            values = {"caller": actor.id, "application": actor.application}
            rows = await self._reader.peek(self._statement, values)
            count = int(rows[0]["open"])
        if count >= self._at_most:
            raise TooMany(f"{count} {self._told}")
        self._counts[key] = (since, count + 1)
        if len(self._counts) > REMEMBERED_MAX:
            self._counts.popitem(last=False)


def ticket_quota(reader: Reader) -> Quota:
    told = "tickets of yours are open; release some"
    statement = tickets_sql["count_open_tickets"]
    return Quota(reader, statement, TICKETS_PER_CALLER_MAX, told)


def task_quota(reader: Reader) -> Quota:
    told = "tasks of yours are not finished; wait for some"
    return Quota(reader, tasks_sql["count_unfinished"], TASKS_PER_CALLER_MAX, told)


def schedule_quota(reader: Reader) -> Quota:
    told = "recurring tasks of yours go on; stop some"
    return Quota(reader, schedules_sql["count_going"], SCHEDULES_PER_CALLER_MAX, told)
