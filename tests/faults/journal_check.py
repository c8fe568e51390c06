"""Reads the journal as an auditor would, with a model of the lock of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import assert_never

from msgspec import Struct

from domain.environment.environment import Environment, environment
from domain.environment.events import (
    CredentialsDisclosed,
    EnvironmentEvent,
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
from domain.record import Recorded
from tests.faults.findings import Check, Findings

HoldersEvent = (
    LockAcquired | LockRenewed | CredentialsDisclosed | LockReleased | LockExpired
)
ENDS: dict[type[LockEvent], str] = {
    LockWithdrawn: "withdrawn",
    LockLapsed: "lapsed",
    LockReleased: "released",
    LockExpired: "expired",
}


class Ticket(Struct, omit_defaults=True):
    """The life of one ticket, as the journal tells it."""

    id: str
    environment_id: str
    position: int
    requested_by: str
    lease_seconds: int
    lapses_at: datetime
    fence: int = 0
    granted_at: datetime | None = None
    expires_at: datetime | None = None
    leases: set[tuple[int, datetime]] = set()
    is_disclosed: bool = False
    end: str | None = None
    ended_at: datetime | None = None


class Line(Struct):
    """Who holds one environment's lock, and who waits for it."""

    waiting: dict[str, Ticket] = {}
    holder: Ticket | None = None
    fence: int = 0
    at: datetime | None = None


class JournalCheck:
    """`tickets` and `environments` are what the journal comes to in the end."""

    def __init__(self, findings: Findings) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.environments: dict[str, Environment] = {}
        self.events = 0
        self._findings = findings
        self._lines: defaultdict[str, Line] = defaultdict(Line)
        self._versions: Counter[str] = Counter()
        self._last: Recorded | None = None

    def read(self, records: Iterable[Recorded]) -> None:
        for record in records:
            self._see(record)
        for line in self._lines.values():
            self._expect_no_vacancy(line)

    def _expect(self, check: Check, is_so: bool, note: object = "") -> None:
        """Of the event seen last."""
        if not is_so:
            self._findings.add(check, note, self._last)

    def _see(self, record: Recorded) -> None:
        before, self._last = self._last, record
        stream, at = record.originator_id, record.origin.at
        self.events += 1
        self._versions[stream] += 1
        self._expect(Check.POSITIONS, record.position == self.events)
        is_next = record.originator_version == self._versions[stream]
        self._expect(Check.VERSIONS, is_next)
        self._expect(Check.INSTANTS, before is None or before.origin.at <= at)
        if isinstance(record.event, EnvironmentEvent):
            self._fold(stream, record.event)
        if isinstance(record.event, LockEvent):
            line = self._lines[stream]
            self._follow(record, record.event, line)
            line.at = at

    def _fold(self, stream: str, event: EnvironmentEvent) -> None:
        before = self.environments.get(stream, environment.initial)
        try:
            self.environments[stream] = environment.evolve(before, event)
        except (KeyError, AssertionError) as error:
            self._expect(Check.LISTING, is_so=False, note=f"does not fold: {error}")

    def _follow(self, record: Recorded, event: LockEvent, line: Line) -> None:
        ticket = self.tickets.get(event.ticket_id)
        if isinstance(event, LockRequested):
            self._expect_no_vacancy(line)
            self._expect(Check.ACKNOWLEDGED, ticket is None, "asked for twice:")
            ticket = ticket_of(record, event)
            self.tickets[ticket.id] = line.waiting[ticket.id] = ticket
        elif ticket is None:
            self._expect(Check.ACKNOWLEDGED, is_so=False, note="never asked for:")
        elif isinstance(event, LockGranted):
            self._grant(event, record.origin.at, line, ticket)
        elif isinstance(event, LockWithdrawn | LockLapsed):
            self._leave(event, record.origin.at, line, ticket)
        else:
            self._hold(record, event, line, ticket)

    def _grant(
        self, event: LockGranted, at: datetime, line: Line, ticket: Ticket
    ) -> None:
        self._expect(Check.ONE_HOLDER, line.holder is None)
        self._expect(Check.FENCES, event.fence == line.fence + 1, line.fence)
        self._expect(Check.FIFO, next(iter(line.waiting), None) == ticket.id)
        self._expect(Check.HAND_OVER, at == line.at, line.at)
        line.waiting.pop(ticket.id, None)
        line.holder, line.fence = ticket, event.fence
        ticket.fence, ticket.expires_at = event.fence, event.expires_at
        ticket.granted_at = at

    def _leave(
        self,
        event: LockWithdrawn | LockLapsed,
        at: datetime,
        line: Line,
        ticket: Ticket,
    ) -> None:
        self._expect_no_vacancy(line)
        is_waiting = line.waiting.pop(ticket.id, None) is not None
        self._expect(Check.FIFO, is_waiting, "it did not wait:")
        if isinstance(event, LockLapsed):
            self._expect(Check.EARLY, ticket.lapses_at <= at, ticket.lapses_at)
        ticket.end, ticket.ended_at = ENDS[type(event)], at

    def _hold(
        self, record: Recorded, event: HoldersEvent, line: Line, ticket: Ticket
    ) -> None:
        self._expect_no_vacancy(line)
        self._expect(Check.ONE_HOLDER, line.holder is ticket)
        self._expect(Check.FENCES, ticket.fence == event.fence, ticket.fence)
        at, until = record.origin.at, ticket.expires_at or record.origin.at
        if isinstance(event, LockExpired):
            self._expect(Check.EARLY, until <= at, until)
        else:
            self._expect(Check.OVER, at < until, until)
        match event:
            case LockAcquired() | LockRenewed():
                self._lease(record, event, ticket)
            case CredentialsDisclosed():
                ticket.is_disclosed = True
            case LockExpired() | LockReleased():
                ticket.end, ticket.ended_at = ENDS[type(event)], at
                line.holder = None
            case _:
                assert_never(event)

    def _lease(
        self, record: Recorded, event: LockAcquired | LockRenewed, ticket: Ticket
    ) -> None:
        by, at = record.origin.by, record.origin.at
        self._expect(Check.ONE_HOLDER, by == ticket.requested_by, "by another:")
        if isinstance(event, LockAcquired):
            whole = at + timedelta(seconds=ticket.lease_seconds)
            self._expect(Check.EARLY, whole <= event.expires_at, "too short:")
        elif ticket.expires_at:
            self._expect(Check.EARLY, ticket.expires_at < event.expires_at, "shorter:")
        ticket.expires_at = event.expires_at
        ticket.leases.add((event.fence, event.expires_at))

    def _expect_no_vacancy(self, line: Line) -> None:
        is_vacant = line.holder is None and bool(line.waiting)
        self._expect(Check.HAND_OVER, not is_vacant, "free, though some wait:")


def ticket_of(record: Recorded, event: LockRequested) -> Ticket:
    return Ticket(
        id=event.ticket_id,
        environment_id=record.originator_id,
        position=record.position,
        requested_by=event.requested_by,
        lease_seconds=event.lease_seconds,
        lapses_at=event.lapses_at,
    )
