"""The rules of a task's life: who may run it, when, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from domain.decider import Decider, Reach, Wait
from domain.event import Actor
from domain.roles import Role
from domain.task import requirement
from domain.task.commands import (
    AbandonAttempt,
    AttemptCommand,
    AwaitCancellation,
    AwaitEnd,
    CancelTask,
    CompleteAttempt,
    ConfirmCancellation,
    ExtendLease,
    FailAttempt,
    ReportProgress,
    Requirement,
    StartAttempt,
    SubmitTask,
    TaskCommand,
)
from domain.task.errors import (
    AttemptRunning,
    NotYourAttempt,
    NotYourQueue,
    NotYourTask,
    SlotNeeded,
    StaleAttempt,
    TaskNotFound,
    TaskNotReady,
    TaskOver,
)
from domain.task.events import (
    LOCAL,
    FailureReason,
    Holder,
    Order,
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
from domain.task.retry import backoff_delay
from domain.task.submitter import submitter_of
from domain.task.task import Task, TaskState, evolve, status_of

Decision = Sequence[TaskEvent] | Wait
STALLED = "its worker fell silent"
STREAMS = "tasks/"


def stream_of(operation_id: str) -> str:
    return STREAMS + operation_id


def operation_of(stream: str) -> str:
    return stream.removeprefix(STREAMS)


def decide(command: TaskCommand, task: Task, at: datetime) -> Decision:
    if isinstance(command, SubmitTask):
        return submit(command, task, at)
    order = task.order
    if order is None:
        raise TaskNotFound("no such task")
    if isinstance(command, AttemptCommand):
        return of_attempt(command, task, order, at)
    if isinstance(command, Requirement):
        requirement.check(command, task)
        return []
    match command:
        case StartAttempt():
            return start(command, task, order, at)
        case CancelTask():
            return cancel(command, task)
        case AwaitEnd():
            check_is_theirs(command.by, task)
            return [] if task.state.is_over else Wait("end")
        case _:
            assert_never(command)


def submit(command: SubmitTask, task: Task, at: datetime) -> Sequence[TaskEvent]:
    if task.order is not None:
        return []  # Submitted already: nothing to append.
    is_at_once = command.schedule_id is not None and command.slot is None
    return [
        TaskSubmitted(
            order=command.order,
            submitter=submitter_of(command.by),
            ready_at=max(at, command.ready_at or at),
            schedule_id=command.schedule_id,
            slot=at if is_at_once else command.slot,
        )
    ]


def start(
    command: StartAttempt, task: Task, order: Order, at: datetime
) -> Sequence[TaskEvent]:
    """One attempt at a time, each with a higher number than the one before."""
    if command.queue != order.queue:
        raise NotYourQueue("workers of another kind take this task")
    if task.state.is_over:
        raise TaskOver(f"this task is {task.state}", status=status_of(task.state))
    if task.state.is_active:
        if command.lease_id == task.lease_id:
            check_is_holder(command.by, task)
            return []  # The same start, told again.
        raise AttemptRunning(f"attempt {task.attempt} of this task is running")
    if task.ready_at is None or at < task.ready_at:
        raise TaskNotReady("it is not time for this task yet")
    if order.concurrency_key is not None and not command.has_slot:
        raise SlotNeeded("this task has a concurrency key")
    started = TaskStarted(
        attempt=task.attempt + 1,
        lease_id=command.lease_id,
        worker=command.worker,
        lease_until=lease_from(at, order),
        holder=holder_of(command.by, order),
    )
    return [started]


def holder_of(by: Actor, order: Order) -> Holder | None:
    """Berth's own workers are all one."""
    return None if order.queue == LOCAL else Holder(by.id, by.application)


def check_is_holder(by: Actor, task: Task) -> None:
    """`NotYourAttempt` unless it is the worker of `by` that runs it."""
    whose = task.holder
    if whose is not None and not by.is_same_as(whose.id, whose.application):
        raise NotYourAttempt("somebody else's worker runs this attempt")


def of_attempt(
    command: AttemptCommand, task: Task, order: Order, at: datetime
) -> Decision:
    check_is_latest(command, task)
    if is_told_again(command, task):
        return []
    if not task.state.is_active:
        raise stale(command)
    attempt, is_cancelling = task.attempt, task.state is TaskState.CANCELLING
    match command:
        case ExtendLease():
            return [TaskLeaseExtended(attempt, lease_from(at, order))]
        case ReportProgress():
            return [TaskProgressed(attempt, command.percent, command.message)]
        case CompleteAttempt():
            return [TaskCompleted(attempt, command.result)]
        case FailAttempt() if not is_cancelling:
            return [failure(command, task, order, at)]
        case AbandonAttempt(put_off_seconds=seconds) if not is_cancelling:
            return [stall(task, order, at, seconds)]
        case FailAttempt() | AbandonAttempt() | ConfirmCancellation():
            return [TaskCancelled(attempt, task.cancelled_by or command.by.id)]
        case AwaitCancellation():
            return [] if is_cancelling else Wait("cancel")
        case _:
            assert_never(command)


def check_is_latest(command: AttemptCommand, task: Task) -> None:
    """`StaleAttempt` if it is of an earlier one, `NotYourAttempt` if of another's."""
    if (command.attempt, command.lease_id) != (task.attempt, task.lease_id):
        raise stale(command)
    check_is_holder(command.by, task)


def stale(command: AttemptCommand) -> StaleAttempt:
    return StaleAttempt(f"attempt {command.attempt} of this task is over")


def is_told_again(command: AttemptCommand, task: Task) -> bool:
    """Whether it is the report that ended the task, which may have been answered."""
    match command:
        case CompleteAttempt():
            return task.state is TaskState.COMPLETED
        case FailAttempt():
            return task.state in {TaskState.FAILED, TaskState.CANCELLED}
        case ConfirmCancellation():
            return task.state is TaskState.CANCELLED
        case _:
            return False


def failure(command: FailAttempt, task: Task, order: Order, at: datetime) -> TaskEvent:
    failures = task.failures + 1
    if not command.may_retry or failures >= order.retry.attempts:
        return TaskFailed(task.attempt, command.reason, command.message, command.stack)
    return TaskAttemptFailed(
        attempt=task.attempt,
        reason=command.reason,
        message=command.message,
        ready_at=at + backoff_delay(order.retry.backoff, failures, task.lease_id),
        stack=command.stack,
    )


def cancel(command: CancelTask, task: Task) -> Sequence[TaskEvent]:
    check_is_theirs(command.by, task)
    match task.state:
        case TaskState.PENDING:
            return [TaskCancelled(task.attempt, command.by.id)]
        case TaskState.RUNNING:
            return [TaskCancellationRequested(task.attempt, command.by.id)]
        case TaskState.CANCELLING | TaskState.CANCELLED:
            return []  # Asked for already.
        case TaskState.COMPLETED | TaskState.FAILED:
            status = status_of(task.state)
            raise TaskOver(f"this task is {status} already", status=status)
        case _:
            assert_never(task.state)


def check_is_theirs(by: Actor, task: Task) -> None:
    """`NotYourTask` unless `by` submitted it or is an owner."""
    whose = task.submitter
    is_theirs = whose is not None and by.is_same_as(whose.id, whose.application)
    if not is_theirs and not by.role.includes(Role.OWNER):
        raise NotYourTask("this task is somebody else's")


def lease_from(at: datetime, order: Order) -> datetime:
    return at + timedelta(milliseconds=order.lock_duration_ms)


def lapse(task: Task, at: datetime) -> Sequence[TaskEvent]:
    """A worker that does not report has lost its attempt."""
    if task.order is None or task.lease_until is None or at < task.lease_until:
        return []
    attempt = task.attempt
    if task.state is TaskState.CANCELLING:
        return [TaskCancelled(attempt, task.cancelled_by)]
    return [stall(task, task.order, at)]


def stall(
    task: Task, order: Order, at: datetime, put_off_seconds: float | None = None
) -> TaskEvent:
    if put_off_seconds is not None:
        later = at + timedelta(seconds=put_off_seconds)
        return TaskStalled(task.attempt, later, is_put_off=True)
    if task.stalls < order.retry.max_stalled_count:
        return TaskStalled(task.attempt, ready_at=at)
    return TaskFailed(task.attempt, FailureReason.STALLED, STALLED)


def due(task: Task) -> datetime | None:
    return task.lease_until


def wakes(event: TaskEvent) -> str | None:
    match event:
        case TaskCompleted() | TaskFailed() | TaskCancelled():
            return "end"
        case TaskCancellationRequested():
            return "cancel"
        case TaskSubmitted() | TaskAttemptFailed() | TaskStalled():
            return "ready"  # Nobody waits for it, but the relay hears of it.
        case _:
            return None


def belongs_to(command: TaskCommand, task: Task) -> str | Reach:
    if isinstance(command, SubmitTask):
        return command.order.repository or Reach.INSTALLATION
    if task.order is None:
        return Reach.EVERYBODY  # Where nothing is, nothing happens.
    return task.order.repository or Reach.INSTALLATION


lifecycle = Decider(
    initial=Task(),
    decide=decide,
    evolve=evolve,
    lapse=lapse,
    due=due,
    wakes=wakes,
    belongs_to=belongs_to,
    revision=2,
)
