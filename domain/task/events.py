"""What happens to a task, from its submission to its one end (DESIGN section 5)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from domain.event import Event
from domain.person import ActorName, PersonName
from domain.roles import Role

LOCK_DURATION_MS = 300_000
LOCAL = "local"


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class BackoffType(StrEnum):
    FIXED = "fixed"
    EXPONENTIAL = "exponential"


class Backoff(Struct, frozen=True):
    """How long to wait before the next attempt; `jitter` is a part of it, 0 to 1."""

    type: BackoffType = BackoffType.FIXED
    delay_ms: int = 0
    jitter: float = 0.0
    max_delay_ms: int = 86_400_000


class Retry(Struct, frozen=True):
    """`attempts` counts the first one; `max_stalled_count`, the workers it may lose."""

    attempts: int = 1
    backoff: Backoff = Backoff()
    max_stalled_count: int = 1


class Order(Struct, frozen=True):
    """What is to be done, and how.

    `queue` is who takes it: `LOCAL` for handlers of this installation's own workers,
    else the task's type, for a worker in another language. At most so many run at once
    per `concurrency_key` as the type allows (`concurrency_max`).
    """

    task_type: str
    data: dict[str, Any]
    priority: Priority = Priority.LOW
    queue: str = LOCAL
    lock_duration_ms: int = LOCK_DURATION_MS
    timeout_ms: int | None = None
    retry: Retry = Retry()
    repository: str | None = None
    concurrency_key: str | None = None
    concurrency_max: int = 1
    description: str | None = None


class Submitter(Struct, frozen=True):
    """Whose task it is: what the work does, it does in this name, no more.

    `token_id` is the application token that it was submitted with.
    """

    id: PersonName
    role: Role
    application: str | None = None
    repositories: list[str] | None = None
    token_id: str | None = None


class FailureReason(StrEnum):
    """`stalled`: its worker fell silent. The others are a handler's own."""

    ERROR = "error"
    EXITED = "exited"
    TIMEOUT = "timeout"
    STALLED = "stalled"


class TaskSubmitted(Event, frozen=True, tag="task.submitted"):
    """`slot` is the instant that a schedule fired it for."""

    order: Order
    submitter: Submitter
    ready_at: datetime
    schedule_id: str | None = None
    slot: datetime | None = None


class Holder(Struct, frozen=True):
    """Whose worker runs an attempt: a person, or an application."""

    id: PersonName
    application: str | None = None


class TaskStarted(Event, frozen=True, tag="task.started"):
    """`attempt` counts from 1 and never repeats; `lease_id` tells two starts apart.

    `holder` is whose worker it is, unless it is one of Berth's own.
    """

    attempt: int
    lease_id: str
    worker: str
    lease_until: datetime
    holder: Holder | None = None


class TaskLeaseExtended(Event, frozen=True, tag="task.lease_extended"):
    """The worker has said that it is alive: the attempt is its own until then."""

    attempt: int
    lease_until: datetime


class TaskProgressed(Event, frozen=True, tag="task.progressed"):
    """`percent` is 0 to 100."""

    attempt: int
    percent: float
    message: str = ""


class TaskCompleted(Event, frozen=True, tag="task.completed"):
    """`result` is what the handler returned."""

    attempt: int
    result: Any = None


class TaskAttemptFailed(Event, frozen=True, tag="task.attempt_failed"):
    """It will be tried again, from `ready_at` on."""

    attempt: int
    reason: FailureReason
    message: str
    ready_at: datetime
    stack: str | None = None


class TaskStalled(Event, frozen=True, tag="task.stalled"):
    """The attempt's lease ran out; another worker may have a try at once.

    `is_put_off`: its worker was well, and had no room for it; that counts for nothing.
    """

    attempt: int
    ready_at: datetime
    is_put_off: bool = False


class TaskFailed(Event, frozen=True, tag="task.failed"):
    """For good: no attempt is left."""

    attempt: int
    reason: FailureReason
    message: str
    stack: str | None = None


class TaskCancellationRequested(Event, frozen=True, tag="task.cancellation_requested"):
    """The worker is told to end this attempt."""

    attempt: int
    requested_by: ActorName


class TaskCancelled(Event, frozen=True, tag="task.cancelled"):
    """`attempt` is 0 if it never began."""

    attempt: int
    requested_by: PersonName


TaskEvent = (
    TaskSubmitted
    | TaskStarted
    | TaskLeaseExtended
    | TaskProgressed
    | TaskCompleted
    | TaskAttemptFailed
    | TaskStalled
    | TaskFailed
    | TaskCancellationRequested
    | TaskCancelled
)
