"""What happened, in a sentence for people. Whatever is not worth one says its type."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from domain.access import AccessRefused, CredentialsRead, FrontDoorOpened
from domain.catalog import tag
from domain.environment.details import Details
from domain.environment.events import (
    CredentialsDisclosed,
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
    ExpiryCause,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
    LockWithdrawn,
)
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewExpired,
    ReviewExtended,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.event import Event
from domain.outward.subject import subject_of
from domain.record import Origin, Recorded
from domain.release import ReleasePublished
from domain.task.events import TaskAttemptFailed, TaskCompleted, TaskFailed
from domain.webhook.events import WebhookSuspended
from projections.storage.descriptions import Described
from workers.one_line import short

TEXT_LENGTH_MAX = 1_500
NAME_LENGTH_MAX = 300
HOUR_SECONDS = 3_600


class Told(Struct, frozen=True):
    """`what` it is about, what happened to it, and the type of event it was."""

    what: str
    text: str
    type: str
    at: datetime

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.text}"


def told(record: Recorded, details: Details | Described | None) -> Told:
    """`details` are those of the environment that it is about, if it is about one."""
    subject = subject_of(record)
    what = f"{details.name} of {details.repository}" if details else subject.path
    type_, at = tag(type(record.event)), record.origin.at
    text = sentence(record) or f"{type_} (by {who(record.origin)})"
    return Told(short(what, NAME_LENGTH_MAX), short(text, TEXT_LENGTH_MAX), type_, at)


def sentence(record: Recorded) -> str | None:
    """None: nothing that people would read."""
    event, by = record.event, who(record.origin)
    return (
        of_a_lock(event, by)
        or of_an_environment(event, by)
        or of_an_access(event, by)
        or of_another(event)
    )


def of_a_lock(event: Event, by: str) -> str | None:
    """None if the event is not of the lock; as below, for a person to read."""
    match event:
        case LockRequested():
            lease = span(event.lease_seconds)
            return f"{by} asks for the lock for {lease}{why(event.reason)}"
        case LockGranted():
            return f"granted to {event.requested_by}, fence {event.fence}"
        case LockAcquired():
            lease = span(event.lease_seconds)
            return f"locked by {by}{why(event.reason)} for {lease}, fence {event.fence}"
        case LockRenewed():
            return f"lock renewed by {by} until {clock(event.expires_at)}"
        case LockReleased():
            whose = f" by force: it was {event.requested_by}'s" if event.forced else ""
            return f"released by {by}{whose}"
        case LockWithdrawn():
            return f"{event.requested_by} waits no more (withdrawn by {by})"
        case LockLapsed():
            return f"{event.requested_by} has waited for too long"
        case LockExpired(cause=ExpiryCause.CLAIM):
            return f"{event.requested_by} did not come to claim the lock"
        case LockExpired():
            return f"the lock of {event.requested_by} has expired, fence {event.fence}"
        case _:
            return None


def of_an_environment(event: Event, by: str) -> str | None:
    match event:
        case CredentialsDisclosed():
            return f"{by} was told the credentials of {event.salesforce_username}"
        case ReleasePublished():
            fence = "" if event.fence is None else f" under fence {event.fence}"
            return f"{event.domain} {event.name} was released by {by}{fence}"
        case EnvironmentRegistered():
            return f"registered as {event.name} by {by}"
        case EnvironmentRevised():
            return f"changed by {by}"
        case EnvironmentRetired():
            return f"deleted by {by}"
        case _:
            return None


def of_an_access(event: Event, by: str) -> str | None:
    match event:
        case CredentialsRead():
            username = event.salesforce_username
            return f"{by}, without the lock, was told the {event.kind} of {username}"
        case FrontDoorOpened():
            return f"{by} was let into {event.salesforce_username}"
        case AccessRefused():
            times = f", {event.count} times" if event.count > 1 else ""
            return f"{by} was turned away{times}: {event.reason} ({event.status})"
        case _:
            return None


def of_another(event: Event) -> str | None:
    match event:
        case ReviewAssigned():
            return f"lent to {event.issue} of the pool {event.pool}"
        case ReviewExtended():
            return f"{event.issue} keeps it until {clock(event.until)}"
        case ReviewTransitioned():
            return f"said to be {event.status}; it was {event.issue}'s"
        case ReviewUnassigned():
            return f"{event.issue} gave it back"
        case ReviewExpired():
            return f"the time of {event.issue} is over"
        case TaskCompleted():
            return f"completed in attempt {event.attempt}"
        case TaskAttemptFailed():
            return f"attempt {event.attempt} failed, to be tried again: {event.message}"
        case TaskFailed():
            return f"failed for good in attempt {event.attempt}: {event.message}"
        case WebhookSuspended():
            return f"the webhook was suspended ({event.reason})"
        case _:
            return None


def who(origin: Origin) -> str:
    """A token's subject, or the application."""
    return origin.application or origin.by


def why(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def clock(at: datetime) -> str:
    """To the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def span(seconds: int) -> str:
    """`90 s`, `30 min`, `2 h`: without a rest, or the smaller unit."""
    if seconds % HOUR_SECONDS == 0:
        return f"{seconds // HOUR_SECONDS} h"
    if seconds % 60 == 0:
        return f"{seconds // 60} min"
    return f"{seconds} s"
