"""Where a ticket stands: its place in the queue, and how long that may take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import ceil

from msgspec import Struct

from domain.environment.events import ExpiryCause
from domain.environment.queue import LockQueue, Ticket


class Standing(Struct, frozen=True):
    """`position` counts from 1; `wait_seconds` assumes that every lease is used up."""

    ticket: Ticket
    position: int
    wait_seconds: int


def standings(queue: LockQueue, at: datetime) -> Iterator[Standing]:
    """The waiting tickets in order: the current lock's rest, then the leases ahead."""
    wait = holder_wait(queue.holder, at)
    for position, ticket in enumerate(queue.queued, start=1):
        yield Standing(ticket, position, wait)
        wait += ticket.lease_seconds


def holder_wait(holder: Ticket | None, at: datetime) -> int:
    """Seconds; for who was called from the queue, the whole lease is still to come."""
    if holder is None:
        return 0
    if holder.expiry_cause is ExpiryCause.CLAIM:
        return holder.lease_seconds
    return seconds_left(holder, at)


def standing(queue: LockQueue, ticket_id: str, at: datetime) -> Standing | None:
    return next((s for s in standings(queue, at) if s.ticket.id == ticket_id), None)


def seconds_left(ticket: Ticket, at: datetime) -> int:
    """Whole seconds until the ticket expires, rounded up; 0 when it has."""
    if ticket.expires_at is None:
        return 0
    return max(0, ceil((ticket.expires_at - at).total_seconds()))
