"""What one batch changes about whose the review environments are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from domain.environment.review_events import (
    ReviewAssigned,
    ReviewEvent,
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)

Changed = dict[str, Any]
SHOWN = ("issue", "pool", "branch", "assigned_at", "until", "requested_by")


def change(before: Changed | None, event: ReviewEvent) -> Changed:
    """A row for `change_reviews`, after what the batch has changed `before`.

    `until` is when time will have something to say: only while it is in use.
    """
    match event:
        case ReviewAssigned():
            row = {field: getattr(event, field) for field in SHOWN}
            row["status"] = ReviewStatus.IN_USE
            return {"is_whole": True, "review": row, "until": event.until}
        case ReviewExtended():
            return part(before, {"until": event.until}, event.until)
        case ReviewTransitioned(status=ReviewStatus.EXPIRED) | ReviewExpired():
            return part(before, {"status": ReviewStatus.EXPIRED})
        case ReviewTransitioned() | ReviewUnassigned():
            return {"is_whole": True, "review": None, "until": None}
        case _:
            assert_never(event)


def part(
    before: Changed | None, values: Changed, until: datetime | None = None
) -> Changed:
    """On top of what changed `before` in the same batch."""
    is_whole = before is not None and before["is_whole"]
    review = (before["review"] if before else {}) | values
    return {"is_whole": is_whole, "review": review, "until": until}
