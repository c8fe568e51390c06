"""What may be asked of a task."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.event import Command
from domain.task.events import LOCAL, FailureReason, Order


class SubmitTask(Command, frozen=True, kw_only=True):
    """`ready_at` is now unless given; a schedule gives `schedule_id` and `slot`.

    A schedule that fires at once, when it starts, cannot know its `slot`: it is now.
    """

    order: Order
    ready_at: datetime | None = None
    schedule_id: str | None = None
    slot: datetime | None = None


class StartAttempt(Command, frozen=True, kw_only=True):
    """`lease_id` is the worker's to make up, once for each start.

    `queue` is the one that it takes from; see `Order`. `has_slot` says that a slot of
    its concurrency key is taken in the same append.
    """

    worker: str
    lease_id: str
    queue: str = LOCAL
    has_slot: bool = False


class OfAttempt(Command, frozen=True, kw_only=True):
    """From whoever runs an attempt; refused once that is over."""

    attempt: int
    lease_id: str


class ExtendLease(OfAttempt, frozen=True, kw_only=True):
    """The worker's heartbeat."""


class ReportProgress(OfAttempt, frozen=True, kw_only=True):
    percent: float
    message: str = ""


class CompleteAttempt(OfAttempt, frozen=True, kw_only=True):
    result: Any = None


class FailAttempt(OfAttempt, frozen=True, kw_only=True):
    """`may_retry` is false when trying again cannot help."""

    reason: FailureReason
    message: str
    stack: str | None = None
    may_retry: bool = True


class AbandonAttempt(OfAttempt, frozen=True, kw_only=True):
    """The worker has to stop: as though it had fallen silent, but at once.

    `put_off_seconds`: it is only short of room; so long until the next attempt, and
    none is used up.
    """

    put_off_seconds: float | None = None


class ConfirmCancellation(OfAttempt, frozen=True, kw_only=True):
    """What ran was made to stop."""


class AwaitCancellation(OfAttempt, frozen=True, kw_only=True):
    """Waits until the attempt should stop."""


class CancelTask(Command, frozen=True, kw_only=True):
    """Nothing is left to do if it never began; else its worker is told to stop it."""


class AwaitEnd(Command, frozen=True, kw_only=True):
    """Waits for it."""


class RequireOver(Command, frozen=True, kw_only=True):
    """Refuses while the task goes on: beside a step to another stream."""


class RequireGoing(Command, frozen=True, kw_only=True):
    """Refuses once the task is over, likewise."""


AttemptCommand = (
    ExtendLease
    | ReportProgress
    | CompleteAttempt
    | FailAttempt
    | AbandonAttempt
    | ConfirmCancellation
    | AwaitCancellation
)
Requirement = RequireOver | RequireGoing
TaskCommand = (
    SubmitTask | StartAttempt | AttemptCommand | CancelTask | AwaitEnd | Requirement
)
