"""How late what must happen in time did happen, the faults that forbade it aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.faults.findings import Check, Findings
from tests.faults.history import Ask, Fault, FaultKind, Operation
from tests.faults.journal_check import Ticket

NO_TIME = timedelta()


@dataclass(frozen=True)
class Limits:
    """How late a lease may end, and how long a frozen process may keep all others.

    `recovery`: for how long a fault still excuses who missed the turn.
    """

    late: timedelta
    stall: timedelta
    recovery: timedelta


PROMISED = Limits(
    late=timedelta(seconds=1), stall=timedelta(seconds=5), recovery=timedelta(seconds=1)
)
# Where other tests take the machine's time: what never comes is still found, if the
# run is longer.
BUSY = Limits(
    late=timedelta(seconds=20),
    stall=timedelta(seconds=30),
    recovery=timedelta(seconds=10),
)


def check_stalls(
    faults: Iterable[Fault], limits: Limits, findings: Findings
) -> timedelta:
    """The longest that a frozen process kept all others from appending."""
    stalls = {
        fault: fault.stalled_until - fault.began_at
        for fault in faults
        if fault.kind is FaultKind.FREEZE_APPEND and fault.stalled_until
    }
    for fault, stall in stalls.items():
        if stall > limits.stall:
            findings.add(Check.STALL, stall, fault)
    return max(stalls.values(), default=NO_TIME)


def check_expiries(
    tickets: Iterable[Ticket],
    faults: Sequence[Fault],
    seen_until: datetime,
    limits: Limits,
    findings: Findings,
) -> Sequence[timedelta]:
    """How late each expiry was, not counting the time when nobody could append.

    One that is overdue at the end counts as if it came just then.
    """
    late = []
    for ticket in tickets:
        due, done = ticket.expires_at, ticket.ended_at or seen_until
        if due and due <= done and ticket.end in ("expired", None):
            late.append(done - due - stalled(due, done, faults))
            if late[-1] > limits.late:
                findings.add(Check.LATE, late[-1], ticket)
    return late


def stalled(since: datetime, until: datetime, faults: Iterable[Fault]) -> timedelta:
    """For how much of that time the database was down or held by a frozen process."""
    return sum(
        (
            max(NO_TIME, min(until, f.stalled_until) - max(since, f.began_at))
            for f in faults
            if f.stalled_until
        ),
        NO_TIME,
    )


def check_turns(
    by_ticket: Mapping[str, Sequence[Operation]],
    tickets: Mapping[str, Ticket],
    faults: Sequence[Fault],
    limits: Limits,
    findings: Findings,
) -> None:
    """Who waited in a long poll all the while is not told that it came too late."""
    for ticket in tickets.values():
        called, over = ticket.granted_at, ticket.ended_at
        if ticket.leases or ticket.end != "expired" or not (called and over):
            continue
        quiet = all(
            f.over_at + limits.recovery < called or over < f.began_at for f in faults
        )
        for poll in by_ticket.get(ticket.id, ()):
            was_there = poll.asked_at < called and over <= poll.answered_at
            if quiet and poll.ask is Ask.ACQUIRE and was_there:
                findings.add(Check.TURN, poll, "but", ticket)


def hand_overs(
    by_ticket: Mapping[str, Sequence[Operation]], tickets: Iterable[Ticket]
) -> Sequence[timedelta]:
    """From the answer to a release until the next one, who waited, is answered."""
    holders = {(t.environment_id, t.fence): t.id for t in tickets if t.fence}
    taken: list[timedelta] = []
    for (environment_id, fence), ticket_id in holders.items():
        successor = holders.get((environment_id, fence + 1))
        released = answer(by_ticket.get(ticket_id, ()), Ask.RELEASE)
        acquired = answer(by_ticket.get(successor or "", ()), Ask.ACQUIRE)
        if released and acquired and acquired.asked_at < released.asked_at:
            taken.append(max(NO_TIME, acquired.answered_at - released.answered_at))
    return taken


def answer(operations: Iterable[Operation], ask: Ask) -> Operation | None:
    """The first success."""
    return next((o for o in operations if o.ask is ask and o.is_success), None)
