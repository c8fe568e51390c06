"""Puts on record who read an environment, and who was turned away.

A plain read by the same caller counts once a minute. A flood of refusals is counted:
the first one is recorded at once, those of the next minute together.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from api.auth import Caller, Connection, actor_of
from api.errors import status_of
from api.floods import Flood, Floods, Key
from domain.access import (
    AccessEvent,
    AccessRefused,
    EnvironmentRead,
    RecordAccess,
    access,
    stream_of,
)
from domain.decider import Journal, Step
from domain.errors import DomainError, EnvironmentNotFound, JournalUnavailable
from domain.event import Actor
from domain.ids import new_id
from domain.person import ERASED
from projections.storage.threads import in_thread

WINDOW_SECONDS = 60
FLUSH_EVERY_SECONDS = 10
REMEMBERED_MAX = 10_000
PATH_LENGTH_MAX = 500


class AccessLog:
    def __init__(self, journal: Journal, by_now: Callable[[str], str]) -> None:
        """`by_now` is asked for the name of a person who may have been erased."""
        self._journal = journal
        self._by_now = by_now
        self._reads: OrderedDict[tuple[str, str | None, str], float] = OrderedDict()
        self._floods = Floods()

    async def read(self, caller: Caller, environment_id: str, repository: str) -> None:
        """On record before the answer leaves, unless it was within the last minute."""
        key = (caller.actor.id, caller.actor.application, environment_id)
        now = monotonic()
        if now - self._reads.get(key, -WINDOW_SECONDS) < WINDOW_SECONDS:
            return
        event = EnvironmentRead(environment_id, repository)
        await self._record(caller.actor, event)
        self._reads[key] = now
        if len(self._reads) > REMEMBERED_MAX:
            self._reads.popitem(last=False)

    async def refused(self, connection: Connection, refusal: DomainError) -> None:
        caller: Caller | None = connection.scope["state"].get("caller")
        actor = caller.actor if caller else actor_of(connection)
        event = AccessRefused(
            environment_id=_environment_of(connection),
            status=status_of(refusal),
            method=str(connection.scope["method"]),  # type: ignore[typeddict-item]
            path=_path_of(connection)[:PATH_LENGTH_MAX],
            reason=str(refusal),
        )
        key = self._floods.key(actor, event.environment_id if caller else None)
        if self._is_counted(key, event):
            return
        async with self._flood(key, actor, event):
            if event.environment_id is None:
                event = replace(event, environment_id=await _named_by(connection))
            await self._record(actor, event)

    async def refused_over_nats(
        self, actor: Actor, subject: str, refusal: DomainError
    ) -> None:
        """As above, of what was asked under a subject."""
        event = AccessRefused(None, status_of(refusal), "NATS", subject, str(refusal))
        key = self._floods.key(actor, None)
        if not self._is_counted(key, event):
            async with self._flood(key, actor, event):
                await self._record(actor, event)

    def _is_counted(self, key: Key, event: AccessRefused) -> bool:
        """Whether it is one of a flood; else it is to be recorded at once."""
        flood = self._floods.get(key)
        if flood is None or monotonic() - flood.since >= WINDOW_SECONDS:
            return False
        flood.count += 1
        flood.latest = event
        return True

    @asynccontextmanager
    async def _flood(
        self, key: Key, actor: Actor, first: AccessRefused
    ) -> AsyncIterator[None]:
        """Of the next minute; it has not begun if the block cannot record its first."""
        before = self._floods.get(key)
        new = Flood(actor, first, monotonic())
        self._floods.put(key, new)
        is_recorded = False
        try:
            if before:
                await self._record_flood(before)
            if len(self._floods) > REMEMBERED_MAX:
                await self._record_flood(self._floods.drop_oldest())
            yield
            is_recorded = True
        finally:
            if not is_recorded and self._floods.get(key) is new:
                self._take_back(key, new, before)

    def _take_back(self, key: Key, new: Flood, before: Flood | None) -> None:
        """But for those who were counted meanwhile, and have been answered."""
        kept = before or new
        if before and new.count:
            before.count += new.count
            before.latest = new.latest
        if kept.count:
            self._floods.put(key, kept)
        else:
            self._floods.drop(key)

    async def flush_once(self) -> int:
        """Record the floods that are over; return how many."""
        return await self._flush(older_than_seconds=WINDOW_SECONDS)

    async def close(self) -> None:
        """Record every flood, over or not: this process is about to stop."""
        while self._floods:  # Some may be counted while others are recorded.
            await self._flush(older_than_seconds=0)

    async def _flush(self, older_than_seconds: float) -> int:
        told = 0
        for key, flood in self._floods.begun_by(monotonic() - older_than_seconds):
            told += await self._record_flood(flood)
            # And not one that began meanwhile, or goes on.
            if self._floods.get(key) is flood and not flood.count:
                self._floods.drop(key)
        return told

    async def _record_flood(self, flood: Flood) -> bool:
        """Those counted so far; they stay counted if that cannot be recorded now.

        Cut off, they may be on record already: better twice than not at all.
        """
        count, flood.count = flood.count, 0
        if count == 0:
            return False
        try:
            actor = await self._actor_by_now(flood.actor)
            await self._record(actor, replace(flood.latest, count=count))
        except (JournalUnavailable, asyncio.CancelledError):
            flood.count += count
            raise
        return True

    async def _actor_by_now(self, actor: Actor) -> Actor:
        """The one who was counted, or what is left of him."""
        if actor.application is not None:
            return actor
        name = await in_thread(self._by_now, actor.id)
        if name == actor.id:
            return actor
        return replace(actor, id=name, ip=ERASED, user_agent=ERASED)

    async def _record(self, actor: Actor, event: AccessEvent) -> None:
        command = RecordAccess(by=actor, event=event)
        await self._journal.execute(
            Step(access, stream_of(new_id()), command, fresh=True)
        )


def _path_of(connection: Connection) -> str:
    """What was asked for; without a person's name, which is not to be kept in plain."""
    scope: Any = connection.scope
    handler = scope.get("route_handler")  # None if there is no such route
    if handler is not None and handler.opt.get("names_a_person"):
        return str(scope["path_template"])
    return str(scope["path"])


def _environment_of(connection: Connection) -> str | None:
    """The environment that the request is about, as far as that is known."""
    if known := connection.scope["state"].get("environment_id"):
        return str(known)
    try:
        return str(UUID(connection.path_params.get("environment_id", "")))
    except ValueError:
        return None


async def _named_by(connection: Connection) -> str | None:
    """As above, of a request that was refused before its environment was looked up."""
    name = connection.path_params.get("name")
    repository = connection.query_params.get("repositoryIdentifier")
    if name is None or repository is None:
        return None
    try:
        return str(await connection.app.state.names.look_up(repository, name))
    except EnvironmentNotFound:
        return None
