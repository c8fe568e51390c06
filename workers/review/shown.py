"""A review environment as the result of a task shows it."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Any

from domain.environment.assignment import had
from domain.environment.environment import Environment
from domain.environment.review_events import ReviewStatus


def shown(id: str, environment: Environment, at: datetime, pool: str) -> dict[str, Any]:  # noqa: A002
    """`pool` is the one asked about; if nobody has it, nothing else says which."""
    details, review = environment.details, had(environment.review)
    assert details is not None
    left = ceil((review.until - at).total_seconds()) if review else 0
    return {
        "environmentId": id,
        "environment": details.name,
        "repositoryIdentifier": details.repository,
        "salesforceUsername": details.salesforce_username,
        "pool": review.pool if review else pool,
        "status": review.status if review else ReviewStatus.AVAILABLE,
        "issue": review.issue if review else None,
        "branch": review.branch if review else None,
        "requestedBy": review.requested_by if review else None,
        "assignedAt": review.assigned_at if review else None,
        "expiresAt": review.until if review else None,
        "expiresInSeconds": max(0, left) if review and review.is_live else None,
    }
