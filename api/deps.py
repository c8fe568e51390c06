"""What a handler may ask for by name. `api/app.py` provides each one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct
from msgspec.structs import replace

from api.access_log import AccessLog
from api.auth import Caller, require
from api.once import Once
from domain import once as carrying_out
from domain.access import AccessEvent, RecordAccess, access, stream_of
from domain.decider import Journal, Look, Outcome, Reach, Step, check_reach
from domain.errors import AlreadyCarriedOut, Forbidden, Unauthenticated
from domain.event import Actor
from domain.ids import new_id, ticket_id_of
from domain.once import Carried, CarryOut, RequestCarriedOut
from domain.roles import Role
from projections.storage.reader import Reader
from workers.wiring import Services


class Desk(Struct, frozen=True):
    """The journal as one caller may use it: on its own behalf, while its token is good.

    A refusal for want of a right is put on record before the caller hears of it. With
    an Idempotency-Key the request is carried out `once`: what it makes up is the same
    in every attempt, and what has been appended for it is not appended again.
    """

    journal: Journal
    caller: Caller
    access_log: AccessLog
    request: Request[Any, Any, Any]
    once: Once | None = None

    @property
    def services(self) -> Services:
        services: Services = self.request.app.state.services
        return services

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    def new_id(self) -> str:
        return self.once.new_id() if self.once else new_id()

    def new_ticket_id(self) -> str:
        return ticket_id_of(self.new_id())

    def new_secret(self) -> str:
        return self.once.new_secret() if self.once else secrets.token_urlsafe(32)

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        """As `Journal.execute`; the states are those of `steps`, in order."""
        try:
            if self.once is not None:
                return await self._execute_once(self.once, steps, wait_seconds)
            return await self._execute(self.caller.guard, steps, wait_seconds)
        except (Forbidden, Unauthenticated) as refusal:
            await self.refused(refusal)
            raise

    async def is_done(self) -> bool:
        """Whether what comes next was carried out in an earlier attempt."""
        if self.once is None:
            return False
        stream = carrying_out.stream_of(self.once.id)
        look = Step(carrying_out.once, stream, Look(by=self.actor))
        outcome = await self._execute(self.caller.guard, [look], 0)
        carried: Carried = outcome.states[0]
        return carried.parts > self.once.parts

    async def _execute_once(
        self, once: Once, steps: Sequence[Step], wait_seconds: float
    ) -> Outcome:
        """If it was done already, the outcome has no events, and the states of now."""
        guard, stream = self.caller.guard, carrying_out.stream_of(once.id)
        mark = Step(carrying_out.once, stream, CarryOut(by=self.actor, part=once.parts))
        # To another attempt these streams may not be new.
        steps = [replace(step, fresh=False) for step in steps]
        try:
            outcome = await self._execute((*guard, mark), steps, wait_seconds)
        except AlreadyCarriedOut:
            look = Look(by=self.actor)
            steps = [replace(step, command=look) for step in steps]
            outcome = await self._execute(guard, steps, 0)
        once.parts += 1
        events = [e for e in outcome.events if not isinstance(e, RequestCarriedOut)]
        return replace(outcome, events=events)

    async def _execute(
        self, first: Sequence[Step], steps: Sequence[Step], wait_seconds: float
    ) -> Outcome:
        """`first` and `steps` together; the outcome is that of `steps`."""
        outcome = await self.journal.execute(*first, *steps, wait_seconds=wait_seconds)
        if not first:
            return outcome
        return Outcome(
            outcome.events,
            outcome.states[len(first) :],
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

    async def require_reach(self, whose: str | Reach) -> None:
        """`Forbidden` if the caller is limited to other repositories."""
        async with self.refusals_on_record():
            check_reach(self.actor, whose)

    async def require_again(self, role: Role) -> None:
        """As the route's guard did at first: a role may be gone after a wait."""
        authenticator = self.request.app.state.authenticator
        async with self.refusals_on_record():
            require(role, await authenticator.again(self.request))

    async def require_to_read(self, role: Role) -> None:
        """As above, for what is then told without asking the journal for anything."""
        await self.require_again(role)
        if self.caller.guard:
            async with self.refusals_on_record():
                await self.journal.execute(*self.caller.guard)

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
    once: Once | None = request.scope["state"].get("once")
    return Desk(state.services.journal, caller, state.access_log, request, once)


def provide_views(desk: AtDesk) -> Reader:
    """By way of the desk, since Litestar starts a task for each of several at once."""
    return desk.services.reader
