"""Locking an environment: ask, wait, keep it, give it back; by id and by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from api.auth import allow
from api.lock_answers import acquired, not_yet, renewed
from api.patience import NAME, TOLD, wait_seconds
from api.place import BY_NAME, LOCK_BY_ID, AtPlace, Place
from api.present import ticket_answer
from api.schemas import (
    AcquireBody,
    LockAcquiredAnswer,
    LockBody,
    LockReleasedAnswer,
    LockRenewedAnswer,
    LockWaitTimeout,
    RenewBody,
    TicketAnswer,
    TicketIssued,
)
from api.waiting import wait_for_turn
from domain.decider import Outcome, StillWaiting
from domain.environment.environment import Environment
from domain.environment.lock import (
    LEASE_SECONDS,
    AcquireLock,
    ReleaseLock,
    RenewLock,
    RequestLock,
)
from domain.environment.queue import Ticket
from domain.errors import Invalid, LeaseOver, NotHolder, TicketNotFound
from domain.roles import Role
from projections.environment_listing import environment_listing, past_ticket, sql

AnyRequest = Request[Any, Any, Any]
TimeoutSeconds = Annotated[
    float | None,
    QueryParameter(name=NAME, ge=0, multiple_of=1, description=TOLD),
]


class LockRoutes(Controller):
    """The lock of one environment, however the environment was named."""

    tags = ["Environment locks"]

    @post(
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        summary="Request a lock",
    )
    async def request_lock(
        self,
        place: AtPlace,
        request: AnyRequest,
        data: JSONBody[LockBody | None] = None,
    ) -> TicketIssued:
        """Answers at once with a ticket; acquire with it waits until it is its turn."""
        asked = data or LockBody()
        await request.app.state.quota.check(place.desk.actor)
        ticket_id = place.desk.new_ticket_id()
        await place.execute(
            RequestLock,
            ticket_id=ticket_id,
            reason=asked.reason,
            lease_seconds=lease_seconds(asked) or LEASE_SECONDS,
            max_wait_seconds=asked.max_wait_seconds,
        )
        return TicketIssued(ticket_id=ticket_id)

    @put(
        "/{ticket_id:str}/acquire",
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        summary="Wait for the lock and acquire it",
    )
    async def acquire_lock(
        self,
        place: AtPlace,
        ticket_id: FromPath[str],
        request: AnyRequest,
        data: JSONBody[AcquireBody | None] = None,
        timeout_seconds: TimeoutSeconds = None,
    ) -> LockAcquiredAnswer | Response[LockWaitTimeout]:
        """408 when it was not its turn in time: the ticket keeps its place."""
        in_body = data.timeout_seconds if data else None
        asking = its_turn(place, ticket_id, wait_seconds(timeout_seconds, in_body))
        try:
            outcome = await wait_for_turn(asking, place.desk.actor, request)
        except StillWaiting as still:
            past = await place.desk.services.recent_holds.durations(place.id)
            return not_yet(request, ticket_id, still, past)
        return await acquired(place, ticket_id, outcome)

    @put(
        "/{ticket_id:str}/renew",
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        summary="Extend the lease",
    )
    async def renew_lock(
        self,
        place: AtPlace,
        ticket_id: FromPath[str],
        data: JSONBody[RenewBody | None] = None,
    ) -> LockRenewedAnswer:
        """From now on, never shorter than it was. 410 when it is too late."""
        seconds = lease_seconds(data) if data else None
        try:
            outcome = await place.execute(
                RenewLock, ticket_id=ticket_id, lease_seconds=seconds
            )
        except TicketNotFound:
            ticket = await long_past(place, ticket_id)
            raise LeaseOver(f"too late: this ticket is {ticket.status}") from None
        return renewed(outcome, ticket_id)

    @delete(
        "/{ticket_id:str}",
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        status_code=200,
        summary="Release the lock, or leave the queue",
    )
    async def release_lock(
        self, place: AtPlace, ticket_id: FromPath[str]
    ) -> LockReleasedAnswer:
        """Twice is once. An owner may do it in another's place."""
        try:
            outcome = await place.execute(ReleaseLock, ticket_id=ticket_id)
        except TicketNotFound:
            ticket = await long_past(place, ticket_id)
        else:
            state: Environment = outcome.states[0]
            ticket = state.queue.ended[ticket_id]
        return LockReleasedAnswer(status=ticket.status, ticket_id=ticket_id)

    @get(
        "/{ticket_id:str}",
        guards=[allow(Role.MEMBER)],
        summary="Look at a ticket",
    )
    async def get_ticket(
        self, place: AtPlace, ticket_id: FromPath[str]
    ) -> TicketAnswer:
        """Whether it is queued, holds the lock, or how it ended."""
        found = await place.listed()
        await place.desk.note_read(found.id, found.details.repository)
        queue = found.environment.queue
        ticket = queue.tickets.get(ticket_id) or queue.ended.get(ticket_id)
        if ticket is None:
            ticket = await find_ticket(place, ticket_id)
        return ticket_answer(ticket, found)


class LockById(LockRoutes):
    path = "/environments/{environment_id:str}/lock"
    dependencies = LOCK_BY_ID


class LockByName(LockRoutes):
    path = "/environments/by-name/{name:str}/lock"
    dependencies = BY_NAME


async def its_turn(place: Place, ticket_id: str, seconds: float) -> Outcome:
    """The lock acquired; else `StillWaiting`, as it is once the wait is over."""
    if seconds:
        # What this one tells is how it was when the wait began.
        with suppress(StillWaiting):
            return await place.execute(
                AcquireLock, wait_seconds=seconds, ticket_id=ticket_id, disclose=True
            )
    return await place.execute(AcquireLock, ticket_id=ticket_id, disclose=True)


def lease_seconds(body: LockBody | RenewBody) -> int | None:
    """The lease asked for, in whichever unit; `Invalid` when it is in both."""
    seconds, minutes = body.lease_duration_seconds, body.lease_duration_minutes
    if seconds is not None and minutes is not None:
        raise Invalid(
            "give leaseDurationSeconds or leaseDurationMinutes, not both",
            field="leaseDurationSeconds",
        )
    return seconds if minutes is None else minutes * 60


async def long_past(place: Place, ticket_id: str) -> Ticket:
    """A ticket that the environment itself has forgotten, if the caller may know it."""
    ticket = await find_ticket(place, ticket_id)
    by = place.desk.actor
    is_theirs = by.is_same_as(ticket.requested_by, ticket.application)
    if not is_theirs and not by.role.includes(Role.OWNER):
        raise NotHolder("only its requester or an owner may give this ticket up")
    return ticket


async def find_ticket(place: Place, ticket_id: str) -> Ticket:
    """Also one that ended long ago. `TicketNotFound` if it is of no such place."""
    values = {"environment_id": place.id, "ticket_id": ticket_id}
    found = await place.reader.read(environment_listing, sql["find_ticket"], values)
    if not found.rows:
        raise TicketNotFound("no such ticket for this environment")
    return past_ticket(found.rows[0])
