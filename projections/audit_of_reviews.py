"""What the audit says of review environments: whose they were, and who said so."""

from __future__ import annotations

from typing import Any, assert_never

from domain.environment.review_events import (
    ReviewAssigned,
    ReviewEvent,
    ReviewExpired,
    ReviewExtended,
    ReviewTransitioned,
    ReviewUnassigned,
)


def review_facts(event: ReviewEvent) -> dict[str, Any]:
    match event:
        case ReviewAssigned():
            return {
                "action": "review_assigned",
                "issue": event.issue,
                "pool": event.pool,
                "branch": event.branch,
                "expires_at": event.until,
                "operation_id": event.operation_id,
            }
        case ReviewExtended():
            return {
                "action": "review_extended",
                "issue": event.issue,
                "expires_at": event.until,
                "operation_id": event.operation_id,
            }
        case ReviewTransitioned():
            return {
                "action": "review_transitioned",
                "issue": event.issue,
                "status": event.status,
                "operation_id": event.operation_id,
            }
        case ReviewUnassigned():
            return {
                "action": "review_unassigned",
                "issue": event.issue,
                "operation_id": event.operation_id,
            }
        case ReviewExpired():
            return {"action": "review_expired", "issue": event.issue}
        case _:
            assert_never(event)
