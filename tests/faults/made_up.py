"""Made-up histories: one environment, and a ticket each for `a`, `b` and `c`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from domain.event import Actor, Event
from domain.record import Recorded, origin_of
from domain.roles import Role
from tests.faults.findings import Findings
from tests.faults.history import Ask, Fault, FaultKind, Operation
from tests.faults.journal_check import JournalCheck
from tests.faults.lateness import PROMISED, Limits
from tests.faults.run import judge
from tests.support.builders import (
    acquired,
    at,
    called,
    granted,
    registered,
    released,
    requested,
)

Happened = tuple[float, Event]
REGISTERED: Happened = (0, registered())
# `a` holds for ten seconds, `b` waits from the second second on.
BEGIN: Sequence[Happened] = (
    REGISTERED,
    (1, requested("a", 1, lease=10)),
    (1, granted("a", 1, 11)),
    (2, requested("b", 2, lease=10)),
    (3, acquired("a", 1, 13, lease=10)),
)
RELEASED = (*BEGIN, (5.0, released("a", 1)))
HANDED_OVER: Sequence[Happened] = (
    *RELEASED,
    (5, called("b", 2, 95)),
    (5, acquired("b", 2, 15, lease=10)),
)


def journal(*happened: Happened) -> list[Recorded]:
    """One environment, and who a ticket is named after as the actor of its events."""
    return [
        Recorded(
            originator_id="e",
            originator_version=number,
            position=number,
            id=str(number),
            event=event,
            origin=origin_of(actor(event), at(seconds)),
        )
        for number, (seconds, event) in enumerate(happened, start=1)
    ]


def actor(event: Event) -> Actor:
    return Actor(f"by-{getattr(event, 'ticket_id', 'nobody')}", Role.APPLICATION)


def saw(ticket: str, ask: Ask, asked: float, answered: float, **said: Any) -> Operation:
    usual = {Ask.REQUEST: 201}
    return Operation(
        client=f"by-{ticket}",
        ask=ask,
        environment_id="e",
        asked_at=at(asked),
        answered_at=at(answered),
        ticket_id=ticket,
        **({"status": usual.get(ask, 200)} | said),
    )


def got(ticket: str, answered: float, fence: int, until: float) -> Operation:
    told = {"fence": fence, "expires_at": at(until)}
    return saw(ticket, Ask.ACQUIRE, answered, answered, **told)


def broken(
    records: Sequence[Recorded],
    *operations: Operation,
    faults: Sequence[Fault] = (),
    limits: Limits = PROMISED,
) -> set[StrEnum]:
    """The promises that this history breaks, the state of the listing aside."""
    findings = Findings()
    check = JournalCheck(findings)
    check.read(records)
    judge(operations, faults, check, findings, limits)
    return set(findings.by_check)


def fault(kind: FaultKind, began: float, until: float) -> Fault:
    return Fault(kind, "x", at(began), at(until), at(until))
