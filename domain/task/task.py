"""A task as its events make it: where it stands, and who runs it.

    waiting --ready_at--> ready --start--> running --complete--> completed
       |                   |  ^               |------fail------> backing off | failed
       |                   |  |--stalled------|----lease over--> ready | failed
       |--cancel-----------|----> cancelled   |--cancel--> cancelling --> cancelled

`waiting`, `ready` and `backing off` differ by the time alone: all three are pending.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.task.events import (
    Holder,
    Order,
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


class TaskState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in {TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED}

    @property
    def is_active(self) -> bool:
        return self in {TaskState.RUNNING, TaskState.CANCELLING}


ENDS: dict[type[TaskEvent], TaskState] = {
    TaskCompleted: TaskState.COMPLETED,
    TaskFailed: TaskState.FAILED,
    TaskCancelled: TaskState.CANCELLED,
}


class TaskStatus(StrEnum):
    """The states as the Tasks API tells them."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def status_of(state: TaskState) -> TaskStatus:
    return TaskStatus.ACTIVE if state.is_active else TaskStatus(state.value)


class Task(Struct, frozen=True):
    """`attempt` is the latest, 0 before the first; `failures` and `stalls` count.

    The latest lease is known by name also when it is over, so that a report which is
    told again is known as one; so is its `holder`, if it has one.
    """

    order: Order | None = None
    submitter: Submitter | None = None
    state: TaskState = TaskState.PENDING
    ready_at: datetime | None = None
    attempt: int = 0
    failures: int = 0
    stalls: int = 0
    lease_id: str = ""
    lease_until: datetime | None = None
    holder: Holder | None = None
    cancelled_by: str = ""
    schedule_id: str | None = None


def evolve(task: Task, event: TaskEvent) -> Task:
    match event:
        case TaskSubmitted():
            return Task(
                order=event.order,
                submitter=event.submitter,
                ready_at=event.ready_at,
                schedule_id=event.schedule_id,
            )
        case TaskStarted():
            return replace(
                task,
                state=TaskState.RUNNING,
                attempt=event.attempt,
                lease_id=event.lease_id,
                lease_until=event.lease_until,
                holder=event.holder,
            )
        case TaskLeaseExtended():
            return replace(task, lease_until=event.lease_until)
        case TaskProgressed():
            return task
        case TaskAttemptFailed():
            failed_once_more = replace(task, failures=task.failures + 1)
            return back_to_pending(failed_once_more, event.ready_at)
        case TaskStalled():
            stalls = task.stalls if event.is_put_off else task.stalls + 1
            return back_to_pending(replace(task, stalls=stalls), event.ready_at)
        case TaskCancellationRequested():
            return replace(
                task, state=TaskState.CANCELLING, cancelled_by=event.requested_by
            )
        case TaskCompleted() | TaskFailed() | TaskCancelled():
            return replace(
                task,
                order=without_data(task.order),
                state=ENDS[type(event)],
                lease_until=None,
                ready_at=None,
            )
        case _:
            assert_never(event)


def without_data(order: Order | None) -> Order | None:
    """Nobody asks for it any more, and what is over may be kept in memory for long."""
    return None if order is None else replace(order, data={})


def back_to_pending(task: Task, ready_at: datetime) -> Task:
    return replace(task, state=TaskState.PENDING, ready_at=ready_at, lease_until=None)
