"""The queue for one lock: its tickets in order, and what each event does to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.environment.events import (
    CredentialsDisclosed,
    ExpiryCause,
    LockAcquired,
    LockEvent,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
    LockWithdrawn,
)
from domain.event import Actor

ENDED_REMEMBERED_MAX = 256
CLAIM_WINDOW_SECONDS = 90


class TicketStatus(StrEnum):
    QUEUED = "queued"
    GRANTED = "granted"
    ACQUIRED = "acquired"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    EXPIRED = "expired"


class Ticket(Struct, frozen=True):
    """A place in the queue. `fence` is 0 and `expires_at` empty until its grant.

    `acquired_at` is empty until its lease began.
    """

    id: str
    status: TicketStatus
    requested_by: str
    application: str | None
    reason: str | None
    lease_seconds: int
    requested_at: datetime
    lapses_at: datetime
    fence: int = 0
    expires_at: datetime | None = None
    acquired_at: datetime | None = None
    expiry_cause: ExpiryCause = ExpiryCause.LEASE


class LockQueue(Struct, frozen=True):
    """Tickets in the order of asking; the first is the holder once it was granted.

    `ended` remembers the latest tickets that are over, so that a repeated release is
    answered from memory; `lapses_at`, when the first of those that wait will give up.
    """

    tickets: dict[str, Ticket] = {}
    ended: dict[str, Ticket] = {}
    lapses_at: datetime | None = None
    fence: int = 0
    claim_window_seconds: int = CLAIM_WINDOW_SECONDS

    @property
    def holder(self) -> Ticket | None:
        head = next(iter(self.tickets.values()), None)
        return head if head and head.status is not TicketStatus.QUEUED else None

    @property
    def queued(self) -> Sequence[Ticket]:
        waiting = TicketStatus.QUEUED  # Looked up once: a hand-over asks for it.
        return [t for t in self.tickets.values() if t.status is waiting]


def evolve(queue: LockQueue, event: LockEvent) -> LockQueue:
    match event:
        case LockRequested():
            asked = put(queue, ticket_of(event))
            return replace(asked, lapses_at=earliest(queue.lapses_at, event.lapses_at))
        case LockGranted():
            ticket = replace(
                queue.tickets[event.ticket_id],
                status=TicketStatus.GRANTED,
                fence=event.fence,
                expires_at=event.expires_at,
                expiry_cause=event.expiry_cause,
            )
            granted = put(queue, ticket)
            return replace(
                granted, fence=event.fence, lapses_at=first_lapse(granted, ticket)
            )
        case LockAcquired():
            ticket = replace(
                queue.tickets[event.ticket_id],
                status=TicketStatus.ACQUIRED,
                acquired_at=event.expires_at - timedelta(seconds=event.lease_seconds),
                expires_at=event.expires_at,
                expiry_cause=ExpiryCause.LEASE,
            )
            return put(queue, ticket)
        case LockRenewed():
            ticket = queue.tickets[event.ticket_id]
            return put(queue, replace(ticket, expires_at=event.expires_at))
        case LockReleased():
            return end(queue, event.ticket_id, TicketStatus.RELEASED)
        case LockWithdrawn():
            return end(queue, event.ticket_id, TicketStatus.WITHDRAWN)
        case LockLapsed():
            return end(queue, event.ticket_id, TicketStatus.LAPSED)
        case LockExpired():
            return end(queue, event.ticket_id, TicketStatus.EXPIRED)
        case CredentialsDisclosed():
            return queue
        case _:
            assert_never(event)


def ticket_of(event: LockRequested) -> Ticket:
    return Ticket(
        id=event.ticket_id,
        status=TicketStatus.QUEUED,
        requested_by=event.requested_by,
        application=event.application,
        reason=event.reason,
        lease_seconds=event.lease_seconds,
        requested_at=event.requested_at,
        lapses_at=event.lapses_at,
    )


def queue_of(
    tickets: Sequence[Ticket], fence: int, claim_window_seconds: int
) -> LockQueue:
    """The queue that has these open tickets, in order, and remembers no others."""
    return LockQueue(
        tickets={ticket.id: ticket for ticket in tickets},
        lapses_at=earliest(
            *(t.lapses_at for t in tickets if t.status is TicketStatus.QUEUED)
        ),
        fence=fence,
        claim_window_seconds=claim_window_seconds,
    )


def put(queue: LockQueue, ticket: Ticket) -> LockQueue:
    """A ticket keeps its place when it changes; a new one goes to the end."""
    return replace(queue, tickets=queue.tickets | {ticket.id: ticket})


def end(queue: LockQueue, ticket_id: str, status: TicketStatus) -> LockQueue:
    """It leaves the queue; of those that ended, the latest are remembered."""
    tickets = queue.tickets.copy()
    ticket = tickets.pop(ticket_id)
    ended = queue.ended | {ticket_id: replace(ticket, status=status)}
    if len(ended) > ENDED_REMEMBERED_MAX:
        del ended[next(iter(ended))]
    over = replace(queue, tickets=tickets, ended=ended)
    if ticket.status is not TicketStatus.QUEUED:
        return over
    return replace(over, lapses_at=first_lapse(over, ticket))


def first_lapse(queue: LockQueue, gone: Ticket) -> datetime | None:
    """When the first of those that wait will give up, now that `gone` no longer waits.

    Only if it was `gone` itself are all of them looked at.
    """
    if queue.lapses_at != gone.lapses_at:
        return queue.lapses_at
    return min([ticket.lapses_at for ticket in queue.queued], default=None)


def earliest(*instants: datetime | None) -> datetime | None:
    """None if all are."""
    return min((instant for instant in instants if instant), default=None)


def wakes(event: LockEvent) -> str | None:
    """The ticket whose `AcquireLock` has another answer after `event`."""
    match event:
        case LockGranted() | LockWithdrawn() | LockLapsed() | LockExpired():
            return event.ticket_id
        case _:
            return None


def holds(by: Actor, ticket: Ticket | None, at: datetime) -> bool:
    """Whether `by` holds the lock with `ticket` now: only then credentials leave."""
    return (
        ticket is not None
        and ticket.status is TicketStatus.ACQUIRED
        and ticket.expires_at is not None
        and at < ticket.expires_at
        and by.is_same_as(ticket.requested_by, ticket.application)
    )


def due(queue: LockQueue) -> datetime | None:
    """When `lapse` will next have something to say."""
    holder = queue.holder
    return earliest(holder.expires_at if holder else None, queue.lapses_at)
