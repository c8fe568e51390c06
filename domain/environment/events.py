"""What can happen to one environment: its details, the lock on it, its reviews."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, UnsetType

from domain.environment.review_events import ReviewEvent
from domain.event import Event
from domain.person import ActorName, PersonName


class Category(StrEnum):
    DEV = "dev"
    TEST = "test"
    SNAPSHOT = "snapshot"
    RELEASE = "release"


class ExpiryCause(StrEnum):
    """Why a ticket ran out: it held the lock too long, or never came to claim it."""

    LEASE = "lease"
    CLAIM = "claim"


class EnvironmentRegistered(Event, frozen=True, tag="environment.registered"):
    """`claim_window_seconds` is how long the next in the queue has to acquire."""

    repository: str
    name: str
    category: Category
    description: str | None = None
    salesforce_username: str | None = None
    dev_hub_username: str | None = None
    is_active: bool = True
    metadata: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    branch: str | None = None
    claim_window_seconds: int = 90


class EnvironmentRevised(Event, frozen=True, tag="environment.revised"):
    """Only what changed is set."""

    name: str | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    salesforce_username: str | None | UnsetType = UNSET
    dev_hub_username: str | None | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    branch: str | None | UnsetType = UNSET
    claim_window_seconds: int | UnsetType = UNSET


class EnvironmentRetired(Event, frozen=True, tag="environment.retired"):
    """Gone from every ordinary route; the journal keeps its history."""


class LockRequested(Event, frozen=True, tag="lock.requested"):
    """A ticket joins the end of the queue, and lapses if it waits till `lapses_at`."""

    ticket_id: str
    requested_by: PersonName
    application: str | None
    reason: str | None
    lease_seconds: int
    requested_at: datetime
    lapses_at: datetime


class LockGranted(Event, frozen=True, tag="lock.granted"):
    """The ticket's turn. If not acquired by `expires_at`, it expires."""

    ticket_id: str
    requested_by: PersonName
    fence: int
    expires_at: datetime
    expiry_cause: ExpiryCause


class LockAcquired(Event, frozen=True, tag="lock.acquired"):
    """The lease begins."""

    ticket_id: str
    fence: int
    expires_at: datetime
    lease_seconds: int
    reason: str | None


class LockRenewed(Event, frozen=True, tag="lock.renewed"):
    """The lease goes on until `expires_at`; the `fence` stays."""

    ticket_id: str
    fence: int
    expires_at: datetime


class CredentialsDisclosed(Event, frozen=True, tag="lock.credentials_disclosed"):
    """The holder was about to be told the org's credentials."""

    ticket_id: str
    fence: int
    salesforce_username: str


class LockReleased(Event, frozen=True, tag="lock.released"):
    """`forced`: by an owner, not by whoever held it."""

    ticket_id: str
    requested_by: PersonName
    fence: int
    released_by: ActorName
    forced: bool = False


class LockWithdrawn(Event, frozen=True, tag="lock.withdrawn"):
    """A ticket left the queue before its turn."""

    ticket_id: str
    requested_by: PersonName
    withdrawn_by: ActorName
    forced: bool = False


class LockLapsed(Event, frozen=True, tag="lock.lapsed"):
    """A ticket waited for as long as it was ready to."""

    ticket_id: str
    requested_by: PersonName


class LockExpired(Event, frozen=True, tag="lock.expired"):
    """Time alone has ended it; `cause` says whether it was a lease or a claim."""

    ticket_id: str
    requested_by: PersonName
    fence: int
    cause: ExpiryCause


DetailsEvent = EnvironmentRegistered | EnvironmentRevised | EnvironmentRetired
LockEvent = (
    LockRequested
    | LockGranted
    | LockAcquired
    | LockRenewed
    | CredentialsDisclosed
    | LockReleased
    | LockWithdrawn
    | LockLapsed
    | LockExpired
)
EnvironmentEvent = DetailsEvent | LockEvent | ReviewEvent
