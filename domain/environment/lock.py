"""The lock queue: one holder, first come first served, no lease outlives its time.

    requested --(free)--> granted --acquire--> acquired --release--> released
        |                    |  claim window passed -> expired(claim)
        |--(taken)--> queued |                    |--lease passed--> expired(lease)
        |               |--withdraw--> withdrawn  |--renew--> acquired (later expiry)
        |               |--max wait--> lapsed     |--by an owner--> released(forced)

The rules are DESIGN section 3. Before each decision the journal applies `lapse`, what
time alone has done, so that a late timer never shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Wait
from domain.environment.command import EnvironmentCommand
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
from domain.errors import (
    LeaseOver,
    NotAcquired,
    NotHolder,
    QueueFull,
    TicketEnded,
    TicketNotFound,
)
from domain.event import Actor
from domain.roles import Role

QUEUED_MAX = 1_000
ENDED_REMEMBERED_MAX = 256
CLAIM_WINDOW_SECONDS = 90
LEASE_SECONDS = 3_600
LEASE_SECONDS_MAX = 604_800
MAX_WAIT_SECONDS = 604_800


class RequestLock(EnvironmentCommand, frozen=True, kw_only=True):
    ticket_id: str
    reason: str | None = None
    lease_seconds: int = LEASE_SECONDS
    max_wait_seconds: int = MAX_WAIT_SECONDS


class AcquireLock(EnvironmentCommand, frozen=True, kw_only=True):
    """Wait for the ticket's turn, then start its lease; again: the same lease."""

    ticket_id: str
    disclose: bool = False


class RenewLock(EnvironmentCommand, frozen=True, kw_only=True):
    """Let the lease end no sooner than `lease_seconds` from now."""

    ticket_id: str
    lease_seconds: int | None = None


class ReleaseLock(EnvironmentCommand, frozen=True, kw_only=True):
    """Give the lock back, or leave the queue. Twice is once."""

    ticket_id: str


class ExpireLock(EnvironmentCommand, frozen=True, kw_only=True):
    """Sent by the timer. Deciding anything at a later moment does the same."""


LockCommand = RequestLock | AcquireLock | RenewLock | ReleaseLock | ExpireLock


class TicketStatus(StrEnum):
    QUEUED = "queued"
    GRANTED = "granted"
    ACQUIRED = "acquired"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    EXPIRED = "expired"


class Ticket(Struct, frozen=True):
    """A place in the queue. `fence` is 0 and `expires_at` empty until its grant."""

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
    expiry_cause: ExpiryCause = ExpiryCause.LEASE


class LockQueue(Struct, frozen=True):
    """Tickets in the order of asking; the first is the holder once it was granted.

    `ended` remembers the latest tickets that are over, so that a repeated release is
    answered from memory.
    """

    tickets: dict[str, Ticket] = {}
    ended: dict[str, Ticket] = {}
    fence: int = 0
    claim_window_seconds: int = CLAIM_WINDOW_SECONDS

    @property
    def holder(self) -> Ticket | None:
        head = next(iter(self.tickets.values()), None)
        return head if head and head.status is not TicketStatus.QUEUED else None

    @property
    def queued(self) -> Sequence[Ticket]:
        return [t for t in self.tickets.values() if t.status is TicketStatus.QUEUED]


def decide(
    command: LockCommand, queue: LockQueue, at: datetime
) -> Sequence[LockEvent] | Wait:
    """What `command` leads to in a queue to which `lapse` has been applied."""
    match command:
        case RequestLock():
            return request(command, queue, at)
        case AcquireLock():
            return acquire(command, queue, at)
        case RenewLock():
            return renew(command, queue, at)
        case ReleaseLock():
            return release(command, queue, at)
        case ExpireLock():
            return []
        case _:
            assert_never(command)


def lapse(queue: LockQueue, at: datetime) -> Sequence[LockEvent]:
    """What time alone has done since the last event. A late timer is harmless."""
    over: list[LockEvent] = [
        LockLapsed(ticket.id, ticket.requested_by)
        for ticket in queue.tickets.values()
        if ticket.status is TicketStatus.QUEUED and ticket.lapses_at <= at
    ]
    holder = queue.holder
    if holder and holder.expires_at and holder.expires_at <= at:
        expired = LockExpired(
            holder.id, holder.requested_by, holder.fence, holder.expiry_cause
        )
        over.append(expired)
    return hand_over(queue, over, at) if over else over


def due(queue: LockQueue) -> datetime | None:
    """When `lapse` will next have something to say."""
    holder = queue.holder
    waits = [ticket.lapses_at for ticket in queue.queued]
    lease = [holder.expires_at] if holder and holder.expires_at else []
    return min([*waits, *lease], default=None)


def request(
    command: RequestLock, queue: LockQueue, at: datetime
) -> Sequence[LockEvent]:
    if command.ticket_id in queue.tickets:
        return []  # Asked for already: nothing to append.
    if len(queue.tickets) > QUEUED_MAX:
        raise QueueFull(f"{QUEUED_MAX} tickets wait for this environment already")
    requested = LockRequested(
        ticket_id=command.ticket_id,
        requested_by=command.by.id,
        application=command.by.application,
        reason=command.reason,
        lease_seconds=command.lease_seconds,
        requested_at=at,
        lapses_at=at + timedelta(seconds=command.max_wait_seconds),
    )
    if queue.tickets:
        return [requested]
    # Nobody is ahead: the asker is alive, so the lease may be spent on its coming.
    until = at + timedelta(seconds=command.lease_seconds)
    fence = queue.fence + 1
    granted = LockGranted(
        command.ticket_id, command.by.id, fence, until, ExpiryCause.LEASE
    )
    return [requested, granted]


def acquire(
    command: AcquireLock, queue: LockQueue, at: datetime
) -> Sequence[LockEvent] | Wait:
    ticket = live(queue, command.ticket_id)
    if not command.by.is_same_as(ticket.requested_by, ticket.application):
        raise NotHolder("only its requester may acquire with this ticket")
    match ticket.status:
        case TicketStatus.QUEUED:
            return Wait(ticket.id)
        case TicketStatus.GRANTED:
            until = at + timedelta(seconds=ticket.lease_seconds)
            return [
                LockAcquired(
                    ticket.id, ticket.fence, until, ticket.lease_seconds, ticket.reason
                )
            ]
        case _:
            return []  # Acquired already: the same lease, the same fence.


def renew(command: RenewLock, queue: LockQueue, at: datetime) -> Sequence[LockEvent]:
    try:
        ticket = live(queue, command.ticket_id)
    except TicketEnded as ended:
        raise LeaseOver(f"too late: this ticket is {ended.status}") from ended
    if not command.by.is_same_as(ticket.requested_by, ticket.application):
        raise NotHolder("only its holder may renew this lease")
    if ticket.status is not TicketStatus.ACQUIRED or ticket.expires_at is None:
        raise NotAcquired(f"this ticket is {ticket.status}: acquire the lock first")
    seconds = command.lease_seconds or ticket.lease_seconds
    until = at + timedelta(seconds=seconds)
    if until <= ticket.expires_at:
        return []  # It lasts longer already, and a renewal never shortens.
    return [LockRenewed(ticket.id, ticket.fence, until)]


def release(
    command: ReleaseLock, queue: LockQueue, at: datetime
) -> Sequence[LockEvent]:
    ticket = queue.tickets.get(command.ticket_id) or queue.ended.get(command.ticket_id)
    if ticket is None:
        raise TicketNotFound(f"no ticket {command.ticket_id} for this environment")
    forced = not command.by.is_same_as(ticket.requested_by, ticket.application)
    if forced and not command.by.role.includes(Role.OWNER):
        raise NotHolder("only its requester or an owner may give this ticket up")
    match ticket.status:
        case TicketStatus.QUEUED:
            return [
                LockWithdrawn(
                    ticket.id, ticket.requested_by, command.by.id, forced=forced
                )
            ]
        case TicketStatus.GRANTED | TicketStatus.ACQUIRED:
            given = LockReleased(
                ticket.id,
                ticket.requested_by,
                ticket.fence,
                command.by.id,
                forced=forced,
            )
            return hand_over(queue, [given], at)
        case _:
            return []  # Given up already: nothing to append.


def live(queue: LockQueue, ticket_id: str) -> Ticket:
    """The ticket, if it still holds or waits."""
    if ticket := queue.tickets.get(ticket_id):
        return ticket
    if ended := queue.ended.get(ticket_id):
        raise TicketEnded(f"this ticket is {ended.status}", status=ended.status)
    raise TicketNotFound(f"no ticket {ticket_id} for this environment")


def hand_over(
    queue: LockQueue, events: Sequence[LockEvent], at: datetime
) -> Sequence[LockEvent]:
    """`events`, and if they leave the lock free, its grant to the head of the queue."""
    after = reduce(evolve, events, queue)
    head = next(iter(after.tickets.values()), None)
    if head is None or head.status is not TicketStatus.QUEUED:
        return events
    until = at + timedelta(seconds=after.claim_window_seconds)
    granted = LockGranted(
        head.id, head.requested_by, after.fence + 1, until, ExpiryCause.CLAIM
    )
    return [*events, granted]


def evolve(queue: LockQueue, event: LockEvent) -> LockQueue:
    match event:
        case LockRequested():
            return put(queue, ticket_of(event))
        case LockGranted():
            ticket = replace(
                queue.tickets[event.ticket_id],
                status=TicketStatus.GRANTED,
                fence=event.fence,
                expires_at=event.expires_at,
                expiry_cause=event.expiry_cause,
            )
            return replace(put(queue, ticket), fence=event.fence)
        case LockAcquired() | LockRenewed():
            ticket = replace(
                queue.tickets[event.ticket_id],
                status=TicketStatus.ACQUIRED,
                expires_at=event.expires_at,
                expiry_cause=ExpiryCause.LEASE,
            )
            return put(queue, ticket)
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


def put(queue: LockQueue, ticket: Ticket) -> LockQueue:
    """A ticket keeps its place when it changes; a new one goes to the end."""
    return replace(queue, tickets=queue.tickets | {ticket.id: ticket})


def end(queue: LockQueue, ticket_id: str, status: TicketStatus) -> LockQueue:
    tickets = queue.tickets.copy()
    ticket = tickets.pop(ticket_id)
    ended = queue.ended | {ticket_id: replace(ticket, status=status)}
    if len(ended) > ENDED_REMEMBERED_MAX:
        del ended[next(iter(ended))]
    return replace(queue, tickets=tickets, ended=ended)


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
