"""Where a ticket stands: its place in the queue, and how long that may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import ceil, hypot, sqrt

from msgspec import Struct

from domain.environment.events import ExpiryCause
from domain.environment.queue import LockQueue, Ticket


class Standing(Struct, frozen=True):
    """`position` counts from 1; `wait_seconds` assumes that every lease is used up.

    `p50_seconds` and `p90_seconds` go by how long past holds took: one of two waits is
    over by then, and nine of ten. Without past holds they are not known.
    """

    ticket: Ticket
    position: int
    wait_seconds: int
    p50_seconds: int | None = None
    p90_seconds: int | None = None


def standings(
    queue: LockQueue, at: datetime, past: Sequence[float] = ()
) -> Iterator[Standing]:
    """The waiting tickets in order: the current lock's rest, then the leases ahead.

    `past`: how many seconds holds took lately, shortest first.
    """
    holder = queue.holder
    wait = holder_wait(holder, at)
    pace = Pace(past, held_seconds(holder, at)) if past else None
    for position, ticket in enumerate(queue.queued, start=1):
        p50, p90 = pace.waits(position - 1) if pace else (None, None)
        yield Standing(
            ticket,
            position,
            wait,
            None if p50 is None else min(ceil(p50), wait),
            None if p90 is None else min(ceil(p90), wait),
        )
        wait += ticket.lease_seconds


class Pace:
    """How long it takes until it is somebody's turn, if holds go on as they did.

    The one who holds the lock has done so for `elapsed` seconds: of past holds, those
    that took longer tell how much is left.
    """

    def __init__(self, past: Sequence[float], elapsed: float) -> None:
        left = [seconds - elapsed for seconds in past if seconds > elapsed]
        self._left50 = quantile(left, 0.5)
        self._left90 = quantile(left, 0.9)
        self._p50 = quantile(past, 0.5)
        self._p90 = quantile(past, 0.9)

    def waits(self, ahead: int) -> tuple[float, float]:
        """p50 and p90 with so many tickets `ahead` of one, after the holder's.

        Not all of them take long at once: spreads add up as those of sums do.
        """
        p50 = self._left50 + ahead * self._p50
        spread = hypot(
            self._left90 - self._left50, sqrt(ahead) * (self._p90 - self._p50)
        )
        return p50, p50 + spread


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest; 0 of nothing."""
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def holder_wait(holder: Ticket | None, at: datetime) -> int:
    """Seconds; for who was called from the queue, the whole lease is still to come."""
    if holder is None:
        return 0
    if holder.expiry_cause is ExpiryCause.CLAIM:
        return holder.lease_seconds
    return seconds_left(holder, at)


def held_seconds(holder: Ticket | None, at: datetime) -> float:
    """Since the lease began, however often it was renewed; before, since the grant."""
    if holder is None:
        return 0
    if holder.acquired_at is None:
        return max(0, holder.lease_seconds - holder_wait(holder, at))
    return max(0, (at - holder.acquired_at).total_seconds())


def standing(
    queue: LockQueue, ticket_id: str, at: datetime, past: Sequence[float] = ()
) -> Standing | None:
    """None if this ticket does not wait."""
    places = standings(queue, at, past)
    return next((s for s in places if s.ticket.id == ticket_id), None)


def seconds_left(ticket: Ticket, at: datetime) -> int:
    """Whole seconds until the ticket expires, rounded up; 0 when it has."""
    if ticket.expires_at is None:
        return 0
    return max(0, ceil((ticket.expires_at - at).total_seconds()))
