"""The audit log: who did what to which environment, when and from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from domain.access import (
    AccessRefused,
    CredentialsRead,
    EnvironmentRead,
    FrontDoorOpened,
)
from domain.environment.details import changes
from domain.environment.events import (
    CredentialsDisclosed,
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
from domain.event import Event
from domain.record import Recorded
from domain.release import ReleasePublished
from projections.queries import load
from projections.view import Row, View, Write

sql = load("audit_log")

# What a record may say an access was. Pages are read type by type, so that an index
# serves each of them: whoever adds an event to `entry` adds its type here, too.
AccessType = Literal[
    "create", "credentials", "frontdoor", "lock", "read", "refused", "release", "update"
]
ACCESS_TYPES: Sequence[str] = get_args(AccessType)
Entry = tuple[AccessType, dict[str, Any]]

ACTIONS = {
    LockRequested: "lock_requested",
    LockGranted: "lock_granted",
    LockAcquired: "environment_locked",
    LockRenewed: "lock_renewed",
    LockReleased: "environment_unlocked",
    LockWithdrawn: "lock_withdrawn",
    LockLapsed: "lock_lapsed",
    LockExpired: "lock_expired",
}


def entry(event: Event) -> Entry | None:
    """The access type and what there is to say about it; None: not an access."""
    match event:
        case EnvironmentRegistered():
            return "create", {"action": "environment_created", "name": event.name}
        case EnvironmentRevised():
            fields = sorted(changes(event))
            return "update", {"action": "environment_updated", "fields": fields}
        case EnvironmentRead():
            return "read", {"action": "environment_read"}
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
            return lock_entry(event)


def lock_entry(event: Event) -> Entry | None:
    match event:
        case LockRequested() | LockAcquired():
            facts: dict[str, Any] = {
                "duration_seconds": event.lease_seconds,
                "reason": event.reason,
            }
        case LockGranted():
            facts = {"granted_to": event.requested_by, "fence": event.fence}
        case LockRenewed():
            facts = {"fence": event.fence, "expires_at": event.expires_at}
        case LockReleased():
            facts = {"fence": event.fence, "forced": event.forced}
        case LockWithdrawn():
            facts = {"forced": event.forced}
        case LockLapsed():
            facts = {}
        case LockExpired():
            facts = {"fence": event.fence, "cause": event.cause}
        case _:
            return None
    if isinstance(event, LockReleased | LockWithdrawn | LockLapsed | LockExpired):
        facts["requested_by"] = event.requested_by
    action = {"action": ACTIONS[type(event)], "ticket_id": event.ticket_id}
    return "lock", action | facts


def project(records: Sequence[Recorded]) -> Iterable[Write]:
    known: list[Row] = []
    entries: list[Row] = []
    gone: list[Row] = []
    for record in records:
        event = record.event
        if isinstance(event, EnvironmentRegistered):
            known.append({"id": record.originator_id, "repository": event.repository})
        if isinstance(event, EnvironmentRetired):
            gone.append({"id": record.originator_id})
        if row := audit_row(record):
            entries.append(row)
    yield sql["add_environments"], known
    yield sql["add_records"], entries
    yield sql["remove_environments"], gone


def audit_row(record: Recorded) -> Row | None:
    noted = entry(record.event)
    if noted is None:
        return None
    event, origin = record.event, record.origin
    access_type, details = noted
    return {
        "position": record.position,
        "id": record.id,
        # Either the event says which environment it is about, or it is in its stream.
        "environment_id": getattr(event, "environment_id", record.originator_id),
        "accessed_by": origin.by,
        "accessed_by_application": origin.application,
        "access_type": access_type,
        "access_details": details,
        "ip_address": origin.ip,
        "user_agent": origin.user_agent,
        "accessed_at": origin.at,
    }


audit_log = View("audit_log", ("audited_environment", "audit_record"), project)
