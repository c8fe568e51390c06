"""What a handler may ask for by name. `api/app.py` provides each one."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct

from api.access_log import AccessLog
from api.auth import Caller
from domain.decider import Journal, Outcome, Step
from domain.errors import Forbidden, Unauthenticated
from domain.event import Actor
from projections.storage.reader import Reader
from projections.storage.vault import Vault


class Desk(Struct, frozen=True):
    """The journal as one caller may use it: on its own behalf, while its token is good.

    A refusal for want of a right is put on record before the caller hears of it.
    """

    journal: Journal
    caller: Caller
    access_log: AccessLog
    request: Request[Any, Any, Any]

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

    async def note_read(self, environment_id: str, repository: str) -> None:
        await self.access_log.read(self.caller, environment_id, repository)


AtDesk = NamedDependency[SkipValidation[Desk]]
Views = NamedDependency[SkipValidation[Reader]]
Secrets = NamedDependency[SkipValidation[Vault]]


def provide_desk(request: Request[Any, Any, Any]) -> Desk:
    state = request.app.state
    caller: Caller = request.scope["state"]["caller"]
    return Desk(state.services.journal, caller, state.access_log, request)


def provide_views(request: Request[Any, Any, Any]) -> Reader:
    reader: Reader = request.app.state.services.reader
    return reader


def provide_vault(request: Request[Any, Any, Any]) -> Vault:
    vault: Vault = request.app.state.services.vault
    return vault
