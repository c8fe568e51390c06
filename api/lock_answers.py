"""What callers are told of their tickets, and when they are told credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from litestar import Request, Response

from api.credentials import Told, for_holder, still_holding
from api.place import Place
from api.requests import request_id_of
from api.schemas import LockAcquiredAnswer, LockRenewedAnswer, LockWaitTimeout
from domain.decider import Outcome, StillWaiting
from domain.environment.environment import Environment
from domain.environment.queue import Ticket, TicketStatus, holds
from domain.environment.standing import seconds_left, standing
from domain.errors import TicketEnded


async def acquired(
    place: Place, ticket_id: str, outcome: Outcome
) -> LockAcquiredAnswer:
    """The lease, and the org's credentials: only while the caller holds the lock."""
    state: Environment = outcome.states[0]
    details, ticket = state.details, state.queue.tickets[ticket_id]
    assert details is not None
    told = Told()
    if details.salesforce_username:
        told = await for_holder(place.desk, details.salesforce_username)
        ticket = await still_holding(place, ticket_id)
    place.desk.caller.check_still_good()
    now = place.desk.journal.now()
    if not holds(place.desk.actor, ticket, now):
        raise TicketEnded("the lease ended before the answer left", status="expired")
    return LockAcquiredAnswer(
        status=TicketStatus.ACQUIRED,
        environment_id=place.id,
        environment_name=details.name,
        salesforce_username=details.salesforce_username,
        sfdx_auth_url=told.sfdx_auth_url,
        access_token=told.access_token,
        instance_url=told.instance_url,
        front_door_url=told.front_door_url,
        ticket_id=ticket_id,
        fence=ticket.fence,
        expires_at=_expiry(ticket),
        expires_in_seconds=seconds_left(ticket, now),
    )


def renewed(outcome: Outcome, ticket_id: str) -> LockRenewedAnswer:
    state: Environment = outcome.states[0]
    ticket = state.queue.tickets[ticket_id]
    return LockRenewedAnswer(
        status=ticket.status,
        ticket_id=ticket_id,
        fence=ticket.fence,
        expires_at=_expiry(ticket),
        expires_in_seconds=seconds_left(ticket, outcome.at),
    )


def not_yet(
    request: Request[Any, Any, Any],
    ticket_id: str,
    still: StillWaiting,
    past_holds: Sequence[float],
) -> Response[LockWaitTimeout]:
    """408 with the ticket's place in the queue, as it was a moment ago."""
    environment: Environment = still.state
    place = standing(environment.queue, ticket_id, still.at, past_holds)
    body = LockWaitTimeout(
        status_code=HTTPStatus.REQUEST_TIMEOUT,
        error=HTTPStatus.REQUEST_TIMEOUT.phrase,
        message="the lock is not free yet; the ticket keeps its place",
        code="LOCK_WAIT_TIMEOUT",
        request_id=request_id_of(request.scope),
        status=TicketStatus.QUEUED,
        ticket_id=ticket_id,
        position=place.position if place else 1,
        estimated_wait_seconds=place.wait_seconds if place else 0,
        estimated_wait_p50_seconds=place.p50_seconds if place else None,
        estimated_wait_p90_seconds=place.p90_seconds if place else None,
    )
    return Response(
        body, status_code=HTTPStatus.REQUEST_TIMEOUT, headers={"Retry-After": "1"}
    )


def _expiry(ticket: Ticket) -> datetime:
    assert ticket.expires_at is not None
    return ticket.expires_at
