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

    `operations` are the tasks that have changed it, the latest ones.
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
                operations=(event.operation_id,),
            )
        case ReviewExtended():
            assert review is not None
            operations = (*review.operations, event.operation_id)
            remembered = operations[-OPERATIONS_REMEMBERED_MAX:]
            return replace(review, until=event.until, operations=remembered)
        case ReviewTransitioned(status=ReviewStatus.EXPIRED) | ReviewExpired():
            assert review is not None
            return replace(review, status=ReviewStatus.EXPIRED)
        case ReviewTransitioned() | ReviewUnassigned():
            return None
        case _:
            assert_never(event)


def due(review: Assignment) -> datetime | None:
    return review.until if review.is_live else None


def lapse(review: Assignment, at: datetime) -> Sequence[ReviewEvent]:
    return (
        [ReviewExpired(review.issue)] if review.is_live and review.until <= at else []
    )
