"""What a handler may ask for by name. `api/app.py` provides each one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct

from api.access_log import AccessLog
from api.auth import Caller, require
from domain.access import AccessEvent, RecordAccess, access, stream_of
from domain.decider import Journal, Outcome, Step
from domain.errors import Forbidden, Unauthenticated
from domain.event import Actor
from domain.ids import new_id
from domain.roles import Role
from projections.storage.reader import Reader
from workers.wiring import Services


class Desk(Struct, frozen=True):
    """The journal as one caller may use it: on its own behalf, while its token is good.

    A refusal for want of a right is put on record before the caller hears of it.
    """

    journal: Journal
    caller: Caller
    access_log: AccessLog
    request: Request[Any, Any, Any]

    @property
    def services(self) -> Services:
        services: Services = self.request.app.state.services
        return services

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        """As `Journal.execute`; the states are those of `steps`, in order."""
        guard = self.caller.guard
        try:
            outcome = await self.journal.execute(
                *guard, *steps, wait_seconds=wait_seconds
            )
        except (Forbidden, Unauthenticated) as refusal:
            await self.refused(refusal)
            raise
        if not guard:
            return outcome
        return Outcome(
            outcome.events,
            outcome.states[len(guard) :],
            outcome.at,
            outcome.position,
            outcome.time_passed,
        )

    async def refused(self, refusal: Forbidden | Unauthenticated) -> None:
        await self.access_log.refused(self.request, refusal)

    async def require(self, role: Role) -> None:
        """`Forbidden` unless the caller has `role`."""
        async with self.refusals_on_record():
            require(role, self.caller)

    async def require_again(self, role: Role) -> None:
        """As the route's guard did at first: a role may be gone after a wait."""
        authenticator = self.request.app.state.authenticator
        async with self.refusals_on_record():
            require(role, await authenticator.again(self.request))

    async def record(self, event: AccessEvent) -> None:
        """On record before it happens: when this returns, it may."""
        command = RecordAccess(by=self.actor, event=event)
        await self.execute(Step(access, stream_of(new_id()), command, fresh=True))

    @asynccontextmanager
    async def refusals_on_record(self) -> AsyncIterator[None]:
        """Whoever is turned away inside is on record before he hears of it."""
        try:
            yield
        except (Forbidden, Unauthenticated) as refusal:
            await self.refused(refusal)
            raise

    async def note_read(self, environment_id: str, repository: str) -> None:
        await self.access_log.read(self.caller, environment_id, repository)


AtDesk = NamedDependency[SkipValidation[Desk]]
Views = NamedDependency[SkipValidation[Reader]]


def provide_desk(request: Request[Any, Any, Any]) -> Desk:
    state = request.app.state
    caller: Caller = request.scope["state"]["caller"]
    return Desk(state.services.journal, caller, state.access_log, request)


def provide_views(request: Request[Any, Any, Any]) -> Reader:
    reader: Reader = request.app.state.services.reader
    return reader
