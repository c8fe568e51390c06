"""What crosses the wire about environments, in the reference API's own spelling."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from api.or_null import OrNull, take_defaults
from api.patience import InBody
from domain.environment.events import Category
from domain.environment.lock import (
    LEASE_SECONDS_MAX,
    MAX_WAIT_SECONDS,
    REASON_LENGTH_MAX,
)
from domain.environment.queue import TicketStatus
from domain.environment.review_events import ReviewStatus

Text = Annotated[str, Meta(max_length=4_000)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Tags = Annotated[tuple[Name, ...], Meta(max_length=50)]
Seconds = Annotated[int, Meta(ge=1, le=LEASE_SECONDS_MAX)]
Minutes = Annotated[int, Meta(ge=1, le=LEASE_SECONDS_MAX // 60)]
ClaimWindow = Annotated[int, Meta(ge=1, le=86_400)]
MaxWait = Annotated[int, Meta(ge=1, le=MAX_WAIT_SECONDS)]
Reason = Annotated[str, Meta(max_length=REASON_LENGTH_MAX)]


class Body(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """What a caller sends: every field known, every value checked."""

    def __post_init__(self) -> None:
        take_defaults(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"  # It may have a secret in it.


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a caller gets."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"  # It may have a secret in it.


class EnvironmentBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    repository_identifier: Name
    name: Name
    category: Category
    description: Text | None = None
    salesforce_username: Name | None = None
    dev_hub_username: Name | None = None
    is_active: OrNull[bool] = True
    is_default: OrNull[bool] = False
    metadata: OrNull[dict[str, Any]] = {}
    tags: OrNull[Tags] = ()
    branch: Name | None = None
    claim_window_seconds: OrNull[ClaimWindow] = 90


class EnvironmentPatch(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Only what is given changes."""

    name: Name | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    salesforce_username: Name | None | UnsetType = UNSET
    dev_hub_username: Name | None | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    branch: Name | None | UnsetType = UNSET
    claim_window_seconds: ClaimWindow | UnsetType = UNSET


class CurrentLock(Answer, frozen=True, kw_only=True, rename="camel"):
    """`acquiredAt` is null until the ticket that was granted the lock acquires it.

    With `ticketId` an owner can release it in the holder's place.
    """

    locked_by: str
    lock_reason: str | None
    fence: int
    acquired_at: datetime | None
    expires_at: datetime
    expires_in_seconds: int
    ticket_id: str


class QueuedLock(Answer, frozen=True, kw_only=True, rename="camel"):
    """`estimatedWaitSeconds` assumes that every lease is used up.

    The other two go by how long past holds took, and are null where there were none.
    """

    position: int
    requested_by: str
    lock_reason: str | None
    estimated_wait_seconds: int
    estimated_wait_p50_seconds: int | None = field(name="estimatedWaitP50Seconds")
    estimated_wait_p90_seconds: int | None = field(name="estimatedWaitP90Seconds")
    ticket_id: str


class LockStatus(Answer, frozen=True, kw_only=True, rename="camel"):
    is_locked: bool
    current_lock: CurrentLock | None
    queued_locks: list[QueuedLock]


class ReviewEnvironment(Answer, frozen=True, kw_only=True, rename="camel"):
    """Which issue has it (`InUse`), had it last (`Expired`), or none (`Available`)."""

    status: ReviewStatus
    issue: str | None
    branch: str | None
    assigned_at: datetime | None
    expires_at: datetime | None


class EnvironmentAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    id: str
    repository_identifier: str
    repository_name: str
    name: str
    description: str | None
    category: Category
    salesforce_username: str | None
    dev_hub_username: str | None
    is_active: bool
    is_default: bool
    is_locked: bool
    locked_by: str | None
    lock_expires_at: datetime | None
    lock_expires_in_seconds: int | None
    lock_status: LockStatus
    metadata: dict[str, Any]
    tags: tuple[str, ...]
    branch: str | None
    orchestration_order: int | None
    claim_window_seconds: int
    created_at: datetime
    updated_at: datetime
    review_environment: ReviewEnvironment | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_by: str | UnsetType = UNSET
    sfdx_auth_url: str | None | UnsetType = UNSET
    access_token: str | None | UnsetType = UNSET
    instance_url: str | None | UnsetType = UNSET


class GroupedEnvironments(Struct, frozen=True, kw_only=True):
    dev: list[EnvironmentAnswer]
    test: list[EnvironmentAnswer]
    snapshot: list[EnvironmentAnswer]
    release: list[EnvironmentAnswer]


class LockBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """A lease in seconds or in minutes, not both; 3600 s if neither is given."""

    lease_duration_seconds: Seconds | None = None
    lease_duration_minutes: Minutes | None = None
    reason: Reason | None = None
    max_wait_seconds: OrNull[MaxWait] = MAX_WAIT_SECONDS


class AcquireBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    timeout_seconds: InBody | None = None


class RenewBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    lease_duration_seconds: Seconds | None = None
    lease_duration_minutes: Minutes | None = None


class TicketIssued(Answer, frozen=True, kw_only=True, rename="camel"):
    ticket_id: str


class LockAcquiredAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`fence` rises with every grant: refuse whatever carries a lower one."""

    status: TicketStatus
    environment_id: str
    environment_name: str
    salesforce_username: str | None
    sfdx_auth_url: str | None
    access_token: str | None
    instance_url: str | None
    front_door_url: str | None
    ticket_id: str
    fence: int
    expires_at: datetime
    expires_in_seconds: int


class LockRenewedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    status: TicketStatus
    ticket_id: str
    fence: int
    expires_at: datetime
    expires_in_seconds: int


class LockReleasedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`released`, `withdrawn` from the queue, or what had become of it before."""

    status: TicketStatus
    ticket_id: str


class TicketAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    ticket_id: str
    status: TicketStatus
    requested_by: str
    lock_reason: str | None
    requested_at: datetime
    lease_duration_seconds: int
    fence: int | None
    expires_at: datetime | None
    expires_in_seconds: int | None
    position: int | None
    estimated_wait_seconds: int | None
    estimated_wait_p50_seconds: int | None = field(name="estimatedWaitP50Seconds")
    estimated_wait_p90_seconds: int | None = field(name="estimatedWaitP90Seconds")


class LockWaitTimeout(Answer, frozen=True, kw_only=True, rename="camel"):
    """408: not yet. The ticket keeps its place; ask again."""

    status_code: int
    error: str
    message: str
    code: str
    request_id: str
    status: TicketStatus
    ticket_id: str
    position: int
    estimated_wait_seconds: int
    estimated_wait_p50_seconds: int | None = field(name="estimatedWaitP50Seconds")
    estimated_wait_p90_seconds: int | None = field(name="estimatedWaitP90Seconds")


class FrontDoorAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`url` opens the org without another login, once or for a short while."""

    url: str


class ArtifactAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`subscriberVersion` is the package version's id, if it is a package."""

    name: str
    version: str | None
    commit_id: str | None
    subscriber_version: str | None
    type: str
    is_installed_by_sfp: bool = field(name="isInstalledBysfp")


class ArtifactsAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    environment_id: str
    environment_name: str
    salesforce_username: str
    artifacts: list[ArtifactAnswer]
    retrieved_at: datetime
    cached: bool


class AuditRecord(Struct, frozen=True, kw_only=True):
    """In snake case, as the reference API has it."""

    id: str
    environment_id: str
    repository_identifier: str
    accessed_by: str
    accessed_by_application: str | None
    access_type: str
    access_details: dict[str, Any]
    ip_address: str | None
    user_agent: str | None
    accessed_at: datetime
