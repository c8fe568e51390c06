"""What can happen to a review environment: who reviews what in it, and until when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.event import Event
from domain.person import ActorName


class ReviewStatus(StrEnum):
    """As the reference API spells them."""

    IN_USE = "InUse"
    AVAILABLE = "Available"
    EXPIRED = "Expired"


class ReviewAssigned(Event, frozen=True, tag="review.assigned"):
    """The environment belongs to `issue` until then; `operation_id` is the task's."""

    issue: str
    pool: str
    branch: str | None
    assigned_at: datetime
    until: datetime
    operation_id: str
    requested_by: ActorName


class ReviewExtended(Event, frozen=True, tag="review.extended"):
    """The issue keeps its environment, now `until` then."""

    issue: str
    until: datetime
    operation_id: str
    extended_by: ActorName


class ReviewTransitioned(Event, frozen=True, tag="review.transitioned"):
    """Somebody said so: `Available`, nobody has it; `Expired`, `issue` had it last."""

    issue: str
    status: ReviewStatus
    operation_id: str
    transitioned_by: ActorName


class ReviewUnassigned(Event, frozen=True, tag="review.unassigned"):
    """Given back. Without a task when the environment was taken out of use."""

    issue: str
    operation_id: str | None
    unassigned_by: ActorName


class ReviewExpired(Event, frozen=True, tag="review.expired"):
    """The time was over, which no one has to say."""

    issue: str


ReviewEvent = (
    ReviewAssigned
    | ReviewExtended
    | ReviewTransitioned
    | ReviewUnassigned
    | ReviewExpired
)
