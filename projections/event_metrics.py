"""Counts what this process has appended: over all processes, that is all there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Histogram

from domain.environment.events import (
    LockAcquired,
    LockExpired,
    LockLapsed,
    LockReleased,
)
from domain.environment.queue import Ticket
from domain.event import Event
from domain.record import Recorded
from domain.task.events import (
    FailureReason,
    TaskAttemptFailed,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskStalled,
    TaskStarted,
)

LONG_SECONDS = (
    *(0.01, 0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400),
    *(43_200, 86_400, 604_800),
)
SHORT_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3_600)
LOCK_WAIT = Histogram(
    "berth_lock_wait_seconds",
    "From a lock's request until it was acquired",
    buckets=LONG_SECONDS,
)
LOCK_HOLD = Histogram(
    "berth_lock_hold_seconds",
    "From a lock's acquisition until it was released or expired",
    buckets=LONG_SECONDS,
)
EXPIRIES = Counter(
    "berth_lock_expiries",
    "Tickets whose time was over: the lease, the claim window, or the wait",
    ["cause"],
)
TASK_STARTS = Histogram(
    "berth_task_start_seconds",
    "From when a task was ready until an attempt at it was started",
    buckets=SHORT_SECONDS,
)
TASK_ATTEMPTS = Counter(
    "berth_task_attempts",
    "Attempts that ended: completed, failed, cancelled, or stalled with their worker",
    ["outcome"],
)
CAUSES = {cause: EXPIRIES.labels(cause) for cause in ("lease", "claim", "wait")}
OUTCOMES = {
    outcome: TASK_ATTEMPTS.labels(outcome)
    for outcome in ("completed", "failed", "stalled", "cancelled")
}


def count(records: Iterable[Recorded], before: Iterable[Any]) -> None:
    """`before` has for each record the state of its stream until then."""
    for record, state in zip(records, before, strict=True):
        if measure := MEASURES.get(type(record.event)):
            measure(record.event, state, record.origin.at)


def _acquired(event: LockAcquired, before: Any, at: datetime) -> None:
    ticket: Ticket = before.queue.tickets[event.ticket_id]
    LOCK_WAIT.observe((at - ticket.requested_at).total_seconds())


def _held(event: LockReleased | LockExpired, before: Any, at: datetime) -> None:
    """Unless it was never acquired."""
    ticket: Ticket = before.queue.tickets[event.ticket_id]
    if ticket.acquired_at is not None:
        LOCK_HOLD.observe((at - ticket.acquired_at).total_seconds())


def _expired(event: LockExpired, before: Any, at: datetime) -> None:
    CAUSES[event.cause].inc()
    _held(event, before, at)


def _started(_: TaskStarted, before: Any, at: datetime) -> None:
    TASK_STARTS.observe((at - before.ready_at).total_seconds())


def _failed(event: TaskFailed, _: Any, __: datetime) -> None:
    is_stalled = event.reason is FailureReason.STALLED
    OUTCOMES["stalled" if is_stalled else "failed"].inc()


def _cancelled(_: TaskCancelled, before: Any, __: datetime) -> None:
    """Unless no attempt ran."""
    if before.state.is_active:
        OUTCOMES["cancelled"].inc()


MEASURES: dict[type[Event], Callable[[Any, Any, datetime], None]] = {
    LockAcquired: _acquired,
    LockReleased: _held,
    LockExpired: _expired,
    LockLapsed: lambda *_: CAUSES["wait"].inc(),
    TaskStarted: _started,
    TaskCompleted: lambda *_: OUTCOMES["completed"].inc(),
    TaskAttemptFailed: lambda *_: OUTCOMES["failed"].inc(),
    TaskStalled: lambda *_: OUTCOMES["stalled"].inc(),
    TaskFailed: _failed,
    TaskCancelled: _cancelled,
}
