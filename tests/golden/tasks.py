"""What the golden files about tasks must be read as, for ever."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.roles import Role
from domain.task.concurrency import (
    TaskKeyEvent,
    TaskSlotGivenBack,
    TaskSlotLapsed,
    TaskSlotTaken,
)
from domain.task.events import (
    Backoff,
    BackoffType,
    FailureReason,
    Order,
    Priority,
    Retry,
    Submitter,
    TaskAttemptFailed,
    TaskCancellationRequested,
    TaskCancelled,
    TaskCompleted,
    TaskEvent,
    TaskFailed,
    TaskLeaseExtended,
    TaskProgressed,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)

HALF_PAST = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
SCHEDULE = "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d07"
LEASE = "4d5e6f7a-8b9c-4d0e-9f1a-2b3c4d5e6f08"
ORDER = Order(
    task_type="fetchReviewEnvironment",
    data={"pool": "core", "issue": "ISSUE-123"},
    priority=Priority.HIGH,
    queue="local",
    lock_duration_ms=60_000,
    timeout_ms=600_000,
    retry=Retry(3, Backoff(BackoffType.EXPONENTIAL, 1_000, 0.5, 60_000), 2),
    repository="acme/shop",
    concurrency_key="core",
    concurrency_max=2,
    description="Fetch a review environment",
)
SUBMITTER = Submitter("ci", Role.APPLICATION, "ci", ["acme/shop"])
TASK_EXAMPLES: list[TaskEvent | TaskKeyEvent] = [
    TaskSubmitted(
        order=ORDER,
        submitter=SUBMITTER,
        ready_at=HALF_PAST,
        schedule_id=SCHEDULE,
        slot=HALF_PAST,
    ),
    TaskStarted(attempt=2, lease_id=LEASE, worker="w-1", lease_until=HALF_PAST),
    TaskLeaseExtended(attempt=2, lease_until=HALF_PAST),
    TaskProgressed(attempt=2, percent=12.5, message="looking for one"),
    TaskCompleted(attempt=2, result={"environment": "review-1", "waited": [1, None]}),
    TaskAttemptFailed(
        attempt=1,
        reason=FailureReason.ERROR,
        message="none is free",
        ready_at=HALF_PAST,
        stack="Traceback ...",
    ),
    TaskStalled(attempt=1, ready_at=HALF_PAST),
    TaskFailed(
        attempt=2,
        reason=FailureReason.TIMEOUT,
        message="it took more than 60 s",
        stack="Traceback ...",
    ),
    TaskCancellationRequested(attempt=2, requested_by="olga"),
    TaskCancelled(attempt=2, requested_by="olga"),
    TaskSlotTaken(operation_id=LEASE, until=HALF_PAST),
    TaskSlotGivenBack(operation_id=LEASE),
    TaskSlotLapsed(operation_id=LEASE),
]
