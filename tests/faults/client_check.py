"""Holds what the clients saw against the journal, and against one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from tests.faults.findings import Check, Findings
from tests.faults.history import Ask, Operation
from tests.faults.journal_check import Ticket

# Beside "unavailable", and no answer at all.
EXPECTED: Mapping[Ask, set[tuple[int, str | None]]] = {
    Ask.REQUEST: {(201, None)},
    Ask.ACQUIRE: {(200, None), (408, "LOCK_WAIT_TIMEOUT"), (404, "TICKET_ENDED")},
    Ask.RENEW: {(200, None), (410, "LEASE_OVER")},
    Ask.RELEASE: {(200, None)},
}
OVER = {"TICKET_ENDED", "LEASE_OVER"}


class Hold(Struct):
    """A lock as its holder knows it: from the first answer to its release or expiry."""

    environment_id: str
    ticket_id: str
    fence: int
    since: datetime
    until: datetime


def check_answers(operations: Iterable[Operation], findings: Findings) -> None:
    for operation in operations:
        answer = (operation.status or 0, operation.code)
        if operation.is_known and answer not in EXPECTED[operation.ask]:
            findings.add(Check.ANSWERS, operation)


def check_acknowledged(
    operations: Iterable[Operation], tickets: Mapping[str, Ticket], findings: Findings
) -> None:
    """Each success says what the journal says."""
    for operation in operations:
        if operation.is_success and not is_kept(operation, tickets):
            ticket = tickets.get(operation.ticket_id or "")
            findings.add(Check.ACKNOWLEDGED, operation, "but", ticket)


def is_kept(operation: Operation, tickets: Mapping[str, Ticket]) -> bool:
    ticket = tickets.get(operation.ticket_id or "")
    if ticket is None or ticket.environment_id != operation.environment_id:
        return False
    match operation.ask:
        case Ask.REQUEST:
            return ticket.requested_by == operation.client
        case Ask.ACQUIRE | Ask.RENEW:
            lease = (operation.fence, operation.expires_at)
            is_on_record = ticket.is_disclosed or not operation.discloses
            return lease in ticket.leases and is_on_record
        case Ask.RELEASE:
            return ticket.end is not None and ticket.end == operation.told


def check_order(
    operations: Iterable[Operation], tickets: Mapping[str, Ticket], findings: Findings
) -> None:
    """Who had a ticket before another asked for one stands before that one."""
    asked = [o for o in operations if o.ask is Ask.REQUEST and o.ticket_id in tickets]
    asked.sort(key=lambda operation: operation.asked_at)
    answered = sorted(asked, key=lambda operation: operation.answered_at)
    latest, earlier = 0, iter(answered)
    before = next(earlier, None)
    for operation in asked:
        while before and before.answered_at < operation.asked_at:
            latest = max(latest, tickets[before.ticket_id or ""].position)
            before = next(earlier, None)
        if tickets[operation.ticket_id or ""].position < latest:
            findings.add(Check.FIFO, "ahead of earlier ones:", operation)


def check_holds(holds: Iterable[Hold], findings: Findings) -> None:
    """As their holders know them, the holds of one lock neither overlap nor go back."""
    latest: dict[str, Hold] = {}
    for hold in sorted(holds, key=lambda hold: hold.since):
        before = latest.get(hold.environment_id)
        if before and hold.since < before.until:
            findings.add(Check.ONE_HOLDER, hold, "within", before)
        if before and hold.fence <= before.fence:
            findings.add(Check.FENCES, hold, "after", before)
        if before is None or before.until < hold.until:
            latest[hold.environment_id] = hold


def check_endings(
    by_ticket: Mapping[str, Sequence[Operation]], findings: Findings
) -> None:
    """No holder is told that it is over before the moment it was told before."""
    for operations in by_ticket.values():
        until = None
        for operation in operations:
            if operation.ask is Ask.RELEASE:
                break
            if until and operation.code in OVER and operation.answered_at < until:
                findings.add(Check.EARLY, "told to last until", until, operation)
            until = operation.expires_at or until


def told_by_ticket(
    operations: Iterable[Operation],
) -> Mapping[str, Sequence[Operation]]:
    """What was asked and answered about each ticket, in the order of asking."""
    told: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.ticket_id:
            told[operation.ticket_id].append(operation)
    return told


def holds_of(by_ticket: Mapping[str, Sequence[Operation]]) -> Sequence[Hold]:
    """Those that began before they were over: an answer may come too late for that."""
    holds = [hold_of(operations) for operations in by_ticket.values()]
    return [hold for hold in holds if hold and hold.since < hold.until]


def hold_of(operations: Sequence[Operation]) -> Hold | None:
    hold: Hold | None = None
    for operation in operations:
        if operation.ask is Ask.RELEASE:
            if hold:
                hold.until = min(hold.until, operation.asked_at)
            break
        if operation.expires_at is None or operation.fence is None:
            continue
        if hold is None:
            hold = Hold(
                operation.environment_id,
                operation.ticket_id or "",
                operation.fence,
                operation.answered_at,
                operation.expires_at,
            )
        hold.until = max(hold.until, operation.expires_at)
    return hold
