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
from typing import assert_never

from domain.decider import Wait
from domain.environment.command import EnvironmentCommand
from domain.environment.events import (
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
from domain.environment.queue import LockQueue, Ticket, TicketStatus, due
from domain.errors import (
    LeaseOver,
    NotAcquired,
    NotHolder,
    QueueFull,
    TicketEnded,
    TicketNotFound,
)
from domain.roles import Role

QUEUED_MAX = 1_000
LEASE_SECONDS = 3_600
LEASE_SECONDS_MAX = 604_800
MAX_WAIT_SECONDS = 604_800
REASON_LENGTH_MAX = 1_000


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
    first = due(queue)
    if first is None or at < first:
        return []
    holder = queue.holder
    if holder is None or holder.expires_at is None or at < holder.expires_at:
        return given_up(queue, at)
    # Whoever still waited when the holder's time was over is next, however late it is
    # seen: so patience that ended after that ends after the hand-over.
    over = [*given_up(queue, holder.expires_at), expiry_of(holder)]
    handed_over = hand_over(queue, over, at)
    seen = {event.ticket_id for event in handed_over}
    since = [event for event in given_up(queue, at) if event.ticket_id not in seen]
    return [*handed_over, *since]


def given_up(queue: LockQueue, at: datetime) -> Sequence[LockEvent]:
    """The ends of those tickets that were ready to wait until `at`, and no longer."""
    return [
        LockLapsed(ticket.id, ticket.requested_by)
        for ticket in queue.tickets.values()
        if ticket.status is TicketStatus.QUEUED and ticket.lapses_at <= at
    ]


def expiry_of(holder: Ticket) -> LockExpired:
    return LockExpired(
        holder.id, holder.requested_by, holder.fence, holder.expiry_cause
    )


def request(
    command: RequestLock, queue: LockQueue, at: datetime
) -> Sequence[LockEvent]:
    """Granted at once, with the next fence, if nobody is ahead. `QueueFull`."""
    if command.ticket_id in queue.tickets or command.ticket_id in queue.ended:
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
    """Waits for the grant. `TicketNotFound`, `NotHolder`, or `TicketEnded`."""
    ticket = known(queue, command.ticket_id)
    if not command.by.is_same_as(ticket.requested_by, ticket.application):
        raise NotHolder("only its requester may acquire with this ticket")
    if ticket.id in queue.ended:
        raise TicketEnded(f"this ticket is {ticket.status}", status=ticket.status)
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
    """From `at` on, never shorter. `NotHolder`, `LeaseOver`; before, `NotAcquired`."""
    ticket = known(queue, command.ticket_id)
    if not command.by.is_same_as(ticket.requested_by, ticket.application):
        raise NotHolder("only its holder may renew this lease")
    if ticket.id in queue.ended:
        raise LeaseOver(f"too late: this ticket is {ticket.status}")
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
    """Of a queued one: withdrawn. `TicketNotFound`; `NotHolder` to all but owners."""
    ticket = known(queue, command.ticket_id)
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


def known(queue: LockQueue, ticket_id: str) -> Ticket:
    """The ticket, whether it holds, waits or is over."""
    if ticket := queue.tickets.get(ticket_id) or queue.ended.get(ticket_id):
        return ticket
    raise TicketNotFound("no such ticket for this environment")


def hand_over(
    queue: LockQueue, events: Sequence[LockEvent], at: datetime
) -> Sequence[LockEvent]:
    """`events`, each the end of a ticket, and the grant to the next if there is one.

    One of them is the end of the holder's: all that is left waits.
    """
    ended = {event.ticket_id for event in events}
    left = (ticket for ticket in queue.tickets.values() if ticket.id not in ended)
    head = next(left, None)
    if head is None:
        return events
    until = at + timedelta(seconds=queue.claim_window_seconds)
    granted = LockGranted(
        head.id, head.requested_by, queue.fence + 1, until, ExpiryCause.CLAIM
    )
    return [*events, granted]
