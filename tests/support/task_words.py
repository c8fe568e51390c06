"""Short words for what is said of tasks and schedules in the tests of their rules.

Instants are seconds after noon; attempt 1 has the lease `l1`, and so on.
"""

from __future__ import annotations

from typing import Any

from domain.event import Actor, Event
from domain.roles import Role
from domain.task.commands import (
    AbandonAttempt,
    AwaitCancellation,
    AwaitEnd,
    CancelTask,
    CompleteAttempt,
    ConfirmCancellation,
    ExtendLease,
    FailAttempt,
    ReportProgress,
    StartAttempt,
    SubmitTask,
)
from domain.task.events import (
    FailureReason,
    Order,
    Retry,
    Submitter,
    TaskAttemptFailed,
    TaskCancellationRequested,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskLeaseExtended,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from tests.support.builders import at

CI = Actor("ci", Role.APPLICATION, "ci")
WORKER = Actor("worker", Role.OWNER)
SUBMITTER = Submitter("ci", Role.APPLICATION, "ci")
LEASE_SECONDS = 60


def order(**facts: Any) -> Order:
    known: dict[str, Any] = {
        "task_type": "sweep",
        "data": {"pool": "core"},
        "lock_duration_ms": LEASE_SECONDS * 1_000,
    }
    return Order(**(known | facts))


def submitted(ready: float = 0, **facts: Any) -> TaskSubmitted:
    return TaskSubmitted(order(**facts), SUBMITTER, at(ready))


def started(attempt: int, until: float) -> TaskStarted:
    return TaskStarted(attempt, f"l{attempt}", "w", at(until))


def extended(attempt: int, until: float) -> TaskLeaseExtended:
    return TaskLeaseExtended(attempt, at(until))


def completed(attempt: int, result: Any = None) -> TaskCompleted:
    return TaskCompleted(attempt, result)


def attempt_failed(attempt: int, ready: float) -> TaskAttemptFailed:
    return TaskAttemptFailed(attempt, FailureReason.ERROR, "no", at(ready))


def failed(attempt: int) -> TaskFailed:
    return TaskFailed(attempt, FailureReason.ERROR, "no")


def silent(attempt: int) -> TaskFailed:
    return TaskFailed(attempt, FailureReason.STALLED, "its worker fell silent")


def stalled(attempt: int, ready: float) -> TaskStalled:
    return TaskStalled(attempt, at(ready))


def asked_to_stop(attempt: int, by: str = "ci") -> TaskCancellationRequested:
    return TaskCancellationRequested(attempt, by)


def cancelled(attempt: int, by: str = "ci") -> TaskCancelled:
    return TaskCancelled(attempt, by)


def running(retry: Retry | None = None) -> list[Event]:
    return [submitted(retry=retry or Retry()), started(1, LEASE_SECONDS)]


def submit(**facts: Any) -> SubmitTask:
    return SubmitTask(by=CI, order=order(), **facts)


def start(lease: str = "l1", worker: str = "w") -> StartAttempt:
    return StartAttempt(by=WORKER, worker=worker, lease_id=lease)


def extend(attempt: int = 1) -> ExtendLease:
    return ExtendLease(by=WORKER, attempt=attempt, lease_id=f"l{attempt}")


def progress(attempt: int = 1, percent: float = 50) -> ReportProgress:
    lease = f"l{attempt}"
    return ReportProgress(by=WORKER, attempt=attempt, lease_id=lease, percent=percent)


def complete(attempt: int = 1, lease: str = "", result: Any = None) -> CompleteAttempt:
    lease = lease or f"l{attempt}"
    return CompleteAttempt(by=WORKER, attempt=attempt, lease_id=lease, result=result)


def fail(attempt: int = 1, *, may_retry: bool = True) -> FailAttempt:
    return FailAttempt(
        by=WORKER,
        attempt=attempt,
        lease_id=f"l{attempt}",
        reason=FailureReason.ERROR,
        message="no",
        may_retry=may_retry,
    )


def abandon(attempt: int = 1, put_off_seconds: float | None = None) -> AbandonAttempt:
    return AbandonAttempt(
        by=WORKER,
        attempt=attempt,
        lease_id=f"l{attempt}",
        put_off_seconds=put_off_seconds,
    )


def confirm(attempt: int = 1) -> ConfirmCancellation:
    return ConfirmCancellation(by=WORKER, attempt=attempt, lease_id=f"l{attempt}")


def await_cancellation(attempt: int = 1) -> AwaitCancellation:
    return AwaitCancellation(by=WORKER, attempt=attempt, lease_id=f"l{attempt}")


def cancel(by: Actor = CI) -> CancelTask:
    return CancelTask(by=by)


def await_end(by: Actor = CI) -> AwaitEnd:
    return AwaitEnd(by=by)
