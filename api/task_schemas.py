"""What crosses the wire about tasks, in the reference API's own spelling."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from api.or_null import OrNull
from api.schemas import Answer, Body, Name
from domain.task.events import LOCK_DURATION_MS, BackoffType, Priority
from domain.task.recurrence import (
    EVERY_MS_MAX,
    EVERY_MS_MIN,
    LIMIT_MAX,
    PATTERN_LENGTH_MAX,
    CatchUp,
    Overlap,
)
from domain.task.task import TaskStatus

DAY_MS = 86_400_000
Instant = Annotated[datetime, Meta(tz=True)]
LockDuration = Annotated[int, Meta(ge=1_000, le=DAY_MS)]
Timeout = Annotated[int, Meta(ge=1, le=7 * DAY_MS)]
Delay = Annotated[int, Meta(ge=0, le=DAY_MS)]
Attempts = Annotated[int, Meta(ge=1, le=100)]
Stalls = Annotated[int, Meta(ge=0, le=100)]
Pattern = Annotated[str, Meta(min_length=1, max_length=PATTERN_LENGTH_MAX)]
Every = Annotated[int, Meta(ge=EVERY_MS_MIN, le=EVERY_MS_MAX)]
Firings = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
Jitter = Annotated[float, Meta(ge=0, le=1)]


class PriorityName(StrEnum):
    """`batch` is low, and `medium` is normal."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"
    BATCH = "batch"
    MEDIUM = "medium"

    @property
    def priority(self) -> Priority:
        match self:
            case PriorityName.BATCH:
                return Priority.LOW
            case PriorityName.MEDIUM:
                return Priority.NORMAL
            case _:
                return Priority(self.value)


class ScheduleType(StrEnum):
    IMMEDIATE = "immediate"
    SCHEDULED = "scheduled"
    RECURRING = "recurring"


class BackoffBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Milliseconds; `jitter` is the part of the delay that may be taken off."""

    type: OrNull[BackoffType] = BackoffType.FIXED
    delay: OrNull[Delay] = 0
    jitter: OrNull[Jitter] = 0
    max_delay: OrNull[Delay] = DAY_MS


class RetryBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`attempts` counts the first; `maxStalledCount`, the workers it may lose."""

    attempts: OrNull[Attempts] = 1
    backoff: OrNull[BackoffBody] = BackoffBody()
    max_stalled_count: OrNull[Stalls] = 1


class RecurrenceBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Either `pattern` (cron, 5 fields, or 6 with seconds) or `every` (milliseconds).

    `overlapPolicy` is for a slot that comes while the instance before goes on,
    `catchUp` for slots that nobody could fire in time.
    """

    pattern: Pattern | None = None
    every: Every | None = None
    tz: OrNull[Name] = "UTC"
    start_date: Instant | None = None
    end_date: Instant | None = None
    limit: Firings | None = None
    immediately: OrNull[bool] = False
    overlap_policy: OrNull[Overlap] = Overlap.SKIP
    catch_up: OrNull[CatchUp] = CatchUp.LATEST


class TaskBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`lockDuration` and `timeout` are in milliseconds.

    Without a `scheduleType` it is scheduled if there is a `scheduledFor`, and else
    immediate.
    """

    type: Name
    data: dict[str, Any]
    lock_duration: OrNull[LockDuration] = LOCK_DURATION_MS
    timeout: Timeout | None = None
    priority: OrNull[PriorityName] = PriorityName.LOW
    schedule_type: ScheduleType | None = None
    scheduled_for: Instant | None = None
    retry_config: OrNull[RetryBody] = RetryBody()
    recurrence_config: RecurrenceBody | None = None


class TaskSubmittedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    operation_id: str
    type: str
    status: TaskStatus
    priority: Priority
    schedule_type: ScheduleType
    submitted_at: datetime
    scheduled_for: datetime | None


class TaskError(Answer, frozen=True, kw_only=True, rename="camel"):
    """Why the latest attempt failed. Only owners are told the `stack`."""

    message: str
    reason: str | None
    stack: str | UnsetType = UNSET


class TaskStatusAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`progress` is 0 to 100; `state` says more closely what `status` does."""

    operation_id: str
    type: str
    status: TaskStatus
    state: str
    progress: float
    message: str
    priority: Priority
    schedule_type: ScheduleType
    schedule_id: str | None
    attempt: int
    description: str | None
    repository_identifier: str | None
    submitted_by: str
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    next_attempt_at: datetime | None
    error: TaskError | UnsetType = UNSET
    next_run_at: datetime | None | UnsetType = UNSET
    total_executions: int | UnsetType = UNSET
    last_execution_at: datetime | None | UnsetType = UNSET


class TaskResultAnswer(TaskStatusAnswer, frozen=True, kw_only=True, rename="camel"):
    """`result` is there once the task is completed."""

    result: Any | UnsetType = UNSET


class TaskCancelledAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    message: str
    status: TaskStatus


class RecurringStoppedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    message: str
    operation_id: str
    stopped_at: datetime
    total_executions: int
    last_execution_at: datetime | None
    original_end_date: datetime | None


class TasksAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`next` is the `after` of the next page, or null."""

    tasks: list[TaskStatusAnswer]
    next: str | None


class AttemptLogAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    attempt: int
    log: str


class TaskLogsAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """What the latest attempts wrote, oldest first. `message`: why there is none."""

    operation_id: str
    attempts: list[AttemptLogAnswer]
    message: str | UnsetType = UNSET
