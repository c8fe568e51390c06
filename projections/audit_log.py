"""The audit log: who did what to which environment, when and from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeGuard, get_args

from msgspec.structs import replace

from domain.access import (
    AccessEvent,
    AccessRefused,
    CredentialsRead,
    EnvironmentRead,
    FrontDoorOpened,
)
from domain.environment.details import changes
from domain.environment.events import (
    CredentialsDisclosed,
    EnvironmentEvent,
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
from domain.environment.review_events import ReviewEvent
from domain.event import Event
from domain.project_events import DefaultChosen, EnvironmentsOrdered
from domain.record import Recorded
from domain.release import ReleaseEvent, ReleasePublished
from projections.audit_of_projects import SharedEvent, shares
from projections.audit_of_reviews import review_facts
from projections.queries import load
from projections.view import NewRows, Row, Values, View, Write

sql = load("audit_log")

# Of environments, not in their streams, and maybe after they were deleted.
ElsewhereEvent = AccessEvent | ReleaseEvent | EnvironmentsOrdered
OF_ELSEWHERE = frozenset(get_args(ElsewhereEvent))
Shown = EnvironmentEvent | ElsewhereEvent | SharedEvent
# What a record may say an access was. Pages are read type by type, so that an index
# serves each of them: whoever adds an event to `entry` adds its type here, too.
AccessType = Literal[
    "create",
    "credentials",
    "frontdoor",
    "lock",
    "read",
    "refused",
    "release",
    "review",
    "update",
]
ACCESS_TYPES: Sequence[str] = get_args(AccessType)
Entry = tuple[AccessType, dict[str, Any]]

RECORDS = NewRows(
    "audit_record",
    {
        "position": "bigint",
        "id": "text",
        "environment_id": "text",
        "accessed_by": "text",
        "accessed_by_application": "text",
        "access_type": "text",
        "access_details": "jsonb",
        "ip_address": "text",
        "user_agent": "text",
        "accessed_at": "timestamptz",
    },
)


def entry(event: Event) -> Entry | None:
    """The access type and what there is to say about it; None: not an access."""
    match event:
        case EnvironmentRead():
            return "read", {"action": "environment_read"}
        case EnvironmentRegistered():
            return "create", {"action": "environment_created", "name": event.name}
        case EnvironmentRevised():
            fields = sorted(changes(event))
            return "update", {"action": "environment_updated", "fields": fields}
        case CredentialsRead():
            return "credentials", {
                "action": "credentials_read",
                "kind": event.kind,
                "salesforce_username": event.salesforce_username,
            }
        case FrontDoorOpened():
            return "frontdoor", {
                "action": "front_door_opened",
                "salesforce_username": event.salesforce_username,
            }
        case AccessRefused():
            return "refused", {
                "action": "access_refused",
                "status": event.status,
                "method": event.method,
                "path": event.path,
                "reason": event.reason,
                "count": event.count,
            }
        case CredentialsDisclosed():
            return "credentials", {
                "action": "credentials_disclosed",
                "ticket_id": event.ticket_id,
                "fence": event.fence,
                "salesforce_username": event.salesforce_username,
            }
        case ReleasePublished():
            return "release", {
                "action": "release_published",
                "name": event.name,
                "domain": event.domain,
                "published_at": event.published_at,
                "ticket_id": event.ticket_id,
                "fence": event.fence,
            }
        case _:
            return None


def lock_facts(event: Event) -> dict[str, Any] | None:
    """The most frequent ones come first; None: not about the queue."""
    match event:
        case LockRequested(ticket_id=ticket_id):
            return {
                "action": "lock_requested",
                "ticket_id": ticket_id,
                "duration_seconds": event.lease_seconds,
                "reason": event.reason,
            }
        case LockGranted(ticket_id=ticket_id):
            return {
                "action": "lock_granted",
                "ticket_id": ticket_id,
                "granted_to": event.requested_by,
                "fence": event.fence,
            }
        case LockAcquired(ticket_id=ticket_id):
            return {
                "action": "environment_locked",
                "ticket_id": ticket_id,
                "duration_seconds": event.lease_seconds,
                "reason": event.reason,
            }
        case LockReleased(ticket_id=ticket_id):
            return {
                "action": "environment_unlocked",
                "ticket_id": ticket_id,
                "fence": event.fence,
                "forced": event.forced,
                "requested_by": event.requested_by,
            }
        case LockRenewed(ticket_id=ticket_id):
            return {
                "action": "lock_renewed",
                "ticket_id": ticket_id,
                "fence": event.fence,
                "expires_at": event.expires_at,
            }
        case LockWithdrawn(ticket_id=ticket_id):
            return {
                "action": "lock_withdrawn",
                "ticket_id": ticket_id,
                "forced": event.forced,
                "requested_by": event.requested_by,
            }
        case LockLapsed(ticket_id=ticket_id):
            return {
                "action": "lock_lapsed",
                "ticket_id": ticket_id,
                "requested_by": event.requested_by,
            }
        case LockExpired(ticket_id=ticket_id):
            return {
                "action": "lock_expired",
                "ticket_id": ticket_id,
                "fence": event.fence,
                "cause": event.cause,
                "requested_by": event.requested_by,
            }
        case _:
            return None


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    """Whoever asked for what is not there is copied, and removed at once."""
    known: list[Row] = []
    told: list[Values] = []
    defaults: list[Values] = []
    elsewhere: list[int] = []
    gone: list[Row] = []
    for record in records:
        stream, event = record.originator_id, record.event
        if is_elsewhere(event):
            elsewhere.append(record.position)
            told += elsewhere_rows(record, event)
        elif facts := lock_facts(event):
            told.append(row(record, stream, "lock", facts))
        elif isinstance(event, ReviewEvent):
            told.append(row(record, stream, "review", review_facts(event)))
        elif isinstance(event, EnvironmentRetired):
            gone.append({"id": stream})
        elif noted := entry(event):
            if isinstance(event, EnvironmentRegistered):
                known.append({"id": stream, "repository": event.repository})
            told.append(row(record, stream, *noted))
        elif isinstance(event, DefaultChosen):
            defaults += shared_rows(record, event)
    yield sql["add_environments"], known
    yield RECORDS, told
    ends = [{"first": elsewhere[0], "last": elsewhere[-1]}] if elsewhere else []
    yield sql["remove_strangers"], ends
    # Later, as a default may be registered just after it is chosen, in the next batch.
    yield RECORDS, defaults
    yield sql["remove_environments"], gone


def is_elsewhere(event: Event) -> TypeGuard[ElsewhereEvent]:
    """Many are, and this costs a third of `isinstance`."""
    return type(event) in OF_ELSEWHERE


def elsewhere_rows(record: Recorded, event: ElsewhereEvent) -> Sequence[Values]:
    if isinstance(event, EnvironmentsOrdered):
        return shared_rows(record, event)
    if event.environment_id and (noted := entry(event)):
        return [row(record, event.environment_id, *noted)]
    return []


def shared_rows(record: Recorded, event: SharedEvent) -> Sequence[Values]:
    """One an environment, whose id makes that of the event the record's own."""
    return [
        row(replace(record, id=f"{record.id}.{key}"), key, "update", details)
        for key, details in shares(event).items()
    ]


def row(
    record: Recorded,
    environment_id: str | None,
    access_type: str,
    details: dict[str, Any],
) -> Values:
    """As `RECORDS` has its columns."""
    origin = record.origin
    return (
        record.position,
        record.id,
        environment_id,
        origin.by,
        origin.application,
        access_type,
        details,
        origin.ip,
        origin.user_agent,
        origin.at,
    )


audit_log = View(
    "audit_log",
    ("audited_environment", "audit_record"),
    project,
    get_args(Shown),
    erase=(sql["erase_actors"], sql["erase_details"]),
    used_indexes=("audit_record_of_environment",),
)
