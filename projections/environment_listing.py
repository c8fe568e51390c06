"""The environment listing: each environment with its holder and its queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec
from msgspec.structs import asdict

from domain.environment.assignment import Assignment
from domain.environment.details import Details, changes
from domain.environment.environment import Environment, environment
from domain.environment.events import (
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
    LockWithdrawn,
)
from domain.environment.queue import Ticket, TicketStatus, queue_of
from domain.environment.review_events import ReviewEvent
from domain.event import Event
from domain.naming import fold
from domain.project_events import DefaultChosen, EnvironmentsOrdered
from domain.record import Recorded
from projections import review_changes
from projections.queries import load
from projections.view import NewRows, Row, View, Write

sql = load("environment_listing")

Shown = (
    EnvironmentRegistered
    | EnvironmentRevised
    | EnvironmentRetired
    | DefaultChosen
    | EnvironmentsOrdered
    | LockRequested
    | LockGranted
    | LockAcquired
    | LockRenewed
    | LockReleased
    | LockWithdrawn
    | LockLapsed
    | LockExpired
    | ReviewEvent
)

# What became of a ticket within the batch is in its row already.
TICKETS = NewRows(
    "lock_ticket",
    {
        "id": "text",
        "environment_id": "text",
        "requested_position": "bigint",
        "status": "text",
        "requested_by": "text",
        "application": "text",
        "reason": "text",
        "lease_seconds": "integer",
        "requested_at": "timestamptz",
        "lapses_at": "timestamptz",
        "fence": "bigint",
        "acquired_at": "timestamptz",
        "expires_at": "timestamptz",
        "expiry_cause": "text",
        "ended_at": "timestamptz",
    },
)

ENDED = {
    LockReleased: TicketStatus.RELEASED,
    LockWithdrawn: TicketStatus.WITHDRAWN,
    LockLapsed: TicketStatus.LAPSED,
    LockExpired: TicketStatus.EXPIRED,
}


class Changes:
    """What one batch changes, the last word on each row being kept."""

    def __init__(self) -> None:
        self.added: dict[str, dict[str, Any]] = {}
        self.revised: dict[str, dict[str, Any]] = {}
        self.defaults: dict[str, bool] = {}
        self.places: dict[str, int | None] = {}
        self.fences: dict[str, int] = {}
        self.reviews: dict[str, review_changes.Changed] = {}
        self.new_tickets: dict[str, dict[str, Any]] = {}
        self.tickets: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.removed: list[Row] = []

    def ticket(self, ticket_id: str, **values: Any) -> None:
        row = self.new_tickets.get(ticket_id)
        (self.tickets[ticket_id] if row is None else row).update(values)

    def revise(self, record: Recorded, revised: EnvironmentRevised) -> None:
        row = self.revised.setdefault(record.originator_id, {"details": {}})
        row |= {"at": record.origin.at, "by": record.origin.by}
        row["details"] |= changes(revised)
        if "name" in row["details"]:
            row["name_key"] = fold(row["details"]["name"])

    def see(self, record: Recorded) -> None:  # noqa: C901 - a case for each event
        """The cases stand in the order of how often they come."""
        match record.event:
            case LockRequested() as requested:
                self.new_tickets[requested.ticket_id] = ticket_row(record, requested)
            case LockGranted() as granted:
                self.fences[record.originator_id] = granted.fence
                self.ticket(
                    granted.ticket_id,
                    status=TicketStatus.GRANTED,
                    fence=granted.fence,
                    expires_at=granted.expires_at,
                    expiry_cause=granted.expiry_cause,
                )
            case LockAcquired() | LockRenewed() as leased:
                is_new = isinstance(leased, LockAcquired)
                since = {"acquired_at": record.origin.at} if is_new else {}
                self.ticket(
                    leased.ticket_id,
                    status=TicketStatus.ACQUIRED,
                    expires_at=leased.expires_at,
                    expiry_cause="lease",
                    **since,
                )
            case LockReleased() | LockWithdrawn() | LockLapsed() | LockExpired() as end:
                status, at = ENDED[type(end)], record.origin.at
                self.ticket(end.ticket_id, status=status, ended_at=at)
            case EnvironmentRegistered() as registered:
                self.added[record.originator_id] = {
                    "project": fold(registered.repository),
                    "name_key": fold(registered.name),
                    "details": asdict(registered),
                    "at": record.origin.at,
                    "by": record.origin.by,
                }
            case EnvironmentRevised() as revised:
                self.revise(record, revised)
            case EnvironmentRetired():
                self.removed.append({"id": record.originator_id})
            case DefaultChosen(environment_id=chosen, previous_id=previous):
                if previous:
                    self.defaults[previous] = False
                if chosen:
                    self.defaults[chosen] = True
            case EnvironmentsOrdered(environment_ids=ids, left_out=left_out):
                self.places |= dict.fromkeys(left_out)
                self.places |= {key: place for place, key in enumerate(ids, start=1)}
            case _:
                self.see_review(record.originator_id, record.event)

    def see_review(self, environment_id: str, event: Event) -> None:
        if isinstance(event, ReviewEvent):  # Not every event shows in this view.
            before = self.reviews.get(environment_id)
            self.reviews[environment_id] = review_changes.change(before, event)

    def writes(self) -> Iterable[Write]:
        yield sql["add_environments"], rows(self.added)
        yield sql["revise_environments"], rows(self.revised)
        defaults = {key: {"is_default": is_it} for key, is_it in self.defaults.items()}
        yield sql["set_defaults"], rows(defaults)
        places = {key: {"place": place} for key, place in self.places.items()}
        yield sql["set_places"], rows(places)
        fences = {key: {"fence": fence} for key, fence in self.fences.items()}
        yield sql["raise_fences"], rows(fences)
        yield TICKETS, [tuple(row.values()) for row in self.new_tickets.values()]
        yield sql["change_tickets"], rows(self.tickets)
        yield sql["change_reviews"], rows(self.reviews)
        yield sql["remove_environments"], self.removed


def rows(by_id: dict[str, dict[str, Any]]) -> Sequence[Row]:
    return [{"id": key, **row} for key, row in by_id.items()]


def ticket_row(record: Recorded, requested: LockRequested) -> dict[str, Any]:
    return {
        "id": requested.ticket_id,
        "environment_id": record.originator_id,
        "requested_position": record.position,
        "status": TicketStatus.QUEUED,
        "requested_by": requested.requested_by,
        "application": requested.application,
        "reason": requested.reason,
        "lease_seconds": requested.lease_seconds,
        "requested_at": requested.requested_at,
        "lapses_at": requested.lapses_at,
        "fence": 0,
        "acquired_at": None,
        "expires_at": None,
        "expiry_cause": "lease",
        "ended_at": None,
    }


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    changed = Changes()
    for record in records:
        changed.see(record)
    return changed.writes()


environment_listing = View(
    "environment_listing",
    ("environment", "lock_ticket", "chosen_default"),
    project,
    get_args(Shown),
    erase=(
        sql["erase_registrars"],
        sql["erase_revisers"],
        sql["erase_reviewers"],
        sql["erase_tickets"],
    ),
)


class Listed(msgspec.Struct, frozen=True):
    """An environment as the listing shows it, at the instant of reading.

    `past_holds`: how many seconds the latest holds took, shortest first; only where
    somebody waits.
    """

    id: str
    environment: Environment
    is_default: bool
    orchestration_order: int | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    at: datetime
    past_holds: Sequence[float] = ()

    @property
    def details(self) -> Details:
        assert self.environment.details is not None
        return self.environment.details


def listed(row: Row, at: datetime) -> Listed:
    """With what time alone has done by `at`."""
    details = msgspec.convert(row["details"], Details)
    tickets = msgspec.convert(row["tickets"], list[Ticket])
    queue = queue_of(tickets, row["fence"], details.claim_window_seconds)
    review = msgspec.convert(row["review"], Assignment | None)
    past = Environment(details, queue, review)
    return Listed(
        id=row["id"],
        environment=with_time_passed(past, at),
        is_default=row["is_default"],
        orchestration_order=row["orchestration_order"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        at=at,
    )


def with_time_passed(past: Environment, at: datetime) -> Environment:
    """What time alone has done by `at` shows, whether or not an event says so yet."""
    return environment.fold(environment.lapse(past, at), past)


def past_ticket(row: Row) -> Ticket:
    """A ticket that is over, as `find_ticket` finds it."""
    return msgspec.convert(row["ticket"], Ticket)
