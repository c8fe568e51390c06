"""Whose a review environment is, until when, and what each event does to that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.environment.review_events import (
    ReviewAssigned,
    ReviewEvent,
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.naming import fold

OPERATIONS_REMEMBERED_MAX = 16


class Assignment(Struct, frozen=True):
    """Whose it is while `InUse`, and whose it was once `Expired`.

    `operations` are the tasks that have changed it, the latest ones. They alone still
    matter once it is `Available`: one that is carried out again is told of it.
    """

    issue: str
    pool: str
    branch: str | None
    assigned_at: datetime
    until: datetime
    status: ReviewStatus
    requested_by: str
    operations: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        return self.status is ReviewStatus.IN_USE

    def is_of(self, issue: str | None, pool: str) -> bool:
        """Whether it was made in `pool` for `issue`, or for anybody if none is said."""
        if self.pool != pool:
            return False
        return issue is None or fold(issue) == fold(self.issue)


def remembered(review: Assignment | None, operation_id: str | None) -> tuple[str, ...]:
    """The tasks that have changed it, and now this one."""
    before = review.operations if review else ()
    if operation_id is None or operation_id in before:
        return before
    return (*before, operation_id)[-OPERATIONS_REMEMBERED_MAX:]


def had(review: Assignment | None) -> Assignment | None:
    """The assignment that there is or was last; none once it was given back."""
    if review is None or review.status is ReviewStatus.AVAILABLE:
        return None
    return review


def evolve(review: Assignment | None, event: ReviewEvent) -> Assignment | None:
    match event:
        case ReviewAssigned():
            return Assignment(
                issue=event.issue,
                pool=event.pool,
                branch=event.branch,
                assigned_at=event.assigned_at,
                until=event.until,
                status=ReviewStatus.IN_USE,
                requested_by=event.requested_by,
                operations=remembered(review, event.operation_id),
            )
        case ReviewExtended():
            assert review is not None
            operations = remembered(review, event.operation_id)
            return replace(review, until=event.until, operations=operations)
        case ReviewTransitioned(status=status):
            assert review is not None
            operations = remembered(review, event.operation_id)
            return replace(review, status=status, operations=operations)
        case ReviewUnassigned():
            assert review is not None
            operations = remembered(review, event.operation_id)
            available = ReviewStatus.AVAILABLE
            return replace(review, status=available, operations=operations)
        case ReviewExpired():
            assert review is not None
            return replace(review, status=ReviewStatus.EXPIRED)
        case _:
            assert_never(event)


def due(review: Assignment) -> datetime | None:
    """When its time is over; None if it was given back, or that is on record."""
    return review.until if review.is_live else None


def lapse(review: Assignment, at: datetime) -> Sequence[ReviewEvent]:
    return (
        [ReviewExpired(review.issue)] if review.is_live and review.until <= at else []
    )
