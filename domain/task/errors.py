"""Every way a task says no."""

from __future__ import annotations

from domain.errors import Conflict, DomainError, Forbidden, NotFound


class StaleAttempt(Conflict):
    """The attempt is over: whoever still runs it must stop; nothing was changed."""

    code = "STALE_ATTEMPT"


class AttemptRunning(Conflict):
    """Somebody runs this task, and reports."""

    code = "ATTEMPT_RUNNING"


class TaskNotReady(Conflict):
    """It is not time for the next attempt."""

    code = "TASK_NOT_READY"


class KeyBusy(Conflict):
    """As many tasks of this concurrency key are running as may."""

    code = "CONCURRENCY_KEY_BUSY"


class SlotNeeded(Conflict):
    """This task has a concurrency key: take a slot of it in the same append."""

    code = "SLOT_NEEDED"


class SlotTaken(Conflict):
    """The schedule's slot has been dealt with, or is not due."""

    code = "SLOT_TAKEN"


class InstanceGoing(Conflict):
    """The instance before this one is not over."""

    code = "INSTANCE_GOING"


class InstanceOver(Conflict):
    """The instance before this one is over by now."""

    code = "INSTANCE_OVER"


class TaskOver(DomainError):
    """The task has come to its end; `status` says to which."""

    code = "TASK_OVER"

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class TaskNotFound(NotFound):
    """There is no such task, or its result was kept long enough."""

    code = "TASK_NOT_FOUND"


class NotCancelling(Conflict):
    """Nobody has asked for the task to be cancelled."""

    code = "NOT_CANCELLING"


class NotYourQueue(Forbidden):
    """Workers of another kind take this task."""

    code = "NOT_YOUR_QUEUE"


class NotYourAttempt(Forbidden):
    """Somebody else's worker runs this attempt."""

    code = "NOT_YOUR_ATTEMPT"


class NotYourTask(Forbidden):
    """The task is somebody else's."""

    code = "NOT_YOUR_TASK"
