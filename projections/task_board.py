"""The task board: where each task stands, and what came of those that are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, assert_never, get_args

import msgspec

from domain.naming import fold
from domain.record import Recorded
from domain.task.events import (
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
from domain.task.lifecycle import STALLED
from domain.task.task import ENDS, TaskState
from projections.queries import load
from projections.view import NewRows, View, Write

sql = load("task_board")
listings = load("task_listing")

TASKS = NewRows(
    "task",
    {
        "operation_id": "text",
        "position": "bigint",
        "task_type": "text",
        "priority": "text",
        "queue": "text",
        "state": "text",
        "ready_at": "timestamptz",
        "attempt": "integer",
        "percent": "double precision",
        "message": "text",
        "submitter_id": "text",
        "submitter_application": "text",
        "repository": "text",
        "repository_key": "text",
        "description": "text",
        "schedule_id": "text",
        "slot": "timestamptz",
        "scheduled_for": "timestamptz",
        "submitted_at": "timestamptz",
        "started_at": "timestamptz",
        "worker": "text",
        "lease_until": "timestamptz",
        "failed_attempt": "integer",
        "failure_reason": "text",
        "error_message": "text",
        "error_stack": "text",
    },
)
Facts = dict[str, Any]


class Changes:
    """What one batch changes, the last word on each task being kept."""

    def __init__(self) -> None:
        self.new: dict[str, Facts] = {}
        self.known: defaultdict[str, Facts] = defaultdict(dict)
        self.ended: dict[str, Facts] = {}

    def see(self, record: Recorded) -> None:
        operation_id = record.originator_id.removeprefix("tasks/")
        event = record.event
        if not isinstance(event, TaskEvent):
            return  # Not every event shows in this view.
        if isinstance(event, TaskSubmitted):
            self.new[operation_id] = new_row(operation_id, record, event)
            return
        row = self.new.get(operation_id)
        (self.known[operation_id] if row is None else row).update(told(record, event))
        if type(event) in ENDS:
            self.ended[operation_id] = end_of(record.origin.at, event)

    def writes(self) -> Iterable[Write]:
        """A task that came and ended within the batch is written down once."""
        short = {key: self.new.pop(key) for key in self.ended.keys() & self.new.keys()}
        yield TASKS, [tuple(row.values()) for row in self.new.values()]
        yield sql["change_tasks"], rows(self.known)
        shelves = sorted({end["shelf"] for end in self.ended.values()})
        yield sql["make_shelves"], [{"shelf": shelf} for shelf in shelves]
        yield sql["add_ended"], [row | self.ended.pop(i) for i, row in short.items()]
        yield sql["end_tasks"], rows(self.ended)


def rows(by_id: dict[str, Facts]) -> list[Facts]:
    return [{"operation_id": key, **row} for key, row in by_id.items()]


def new_row(operation_id: str, record: Recorded, submitted: TaskSubmitted) -> Facts:
    """As `TASKS` has its columns."""
    order, submitter, at = submitted.order, submitted.submitter, record.origin.at
    return {
        "operation_id": operation_id,
        "position": record.position,
        "task_type": order.task_type,
        "priority": order.priority,
        "queue": order.queue,
        "state": TaskState.PENDING,
        "ready_at": submitted.ready_at,
        "attempt": 0,
        "percent": 0.0,
        "message": "",
        "submitter_id": submitter.id,
        "submitter_application": submitter.application,
        "repository": order.repository,
        "repository_key": fold(order.repository) if order.repository else None,
        "description": order.description,
        "schedule_id": submitted.schedule_id,
        "slot": submitted.slot,
        "scheduled_for": submitted.ready_at if submitted.ready_at > at else None,
        "submitted_at": at,
        "started_at": None,
        "worker": None,
        "lease_until": None,
        "failed_attempt": 0,
        "failure_reason": None,
        "error_message": None,
        "error_stack": None,
    }


def told(record: Recorded, event: TaskEvent) -> Facts:  # noqa: C901 - a case for each
    """What an event changes. Nothing becomes unknown again: see `change_tasks`."""
    match event:
        case TaskProgressed():
            return {"percent": event.percent, "message": text(event.message)}
        case TaskLeaseExtended():
            return {"lease_until": event.lease_until}
        case TaskStarted():
            return {
                "state": TaskState.RUNNING,
                "attempt": event.attempt,
                "worker": event.worker,
                "lease_until": event.lease_until,
                "started_at": record.origin.at,
                "percent": 0.0,
                "message": "",
            }
        case TaskCompleted():
            return {"state": TaskState.COMPLETED, "percent": 100.0}
        case TaskFailed():
            state = {"state": TaskState.FAILED}
            return state | failure(event.attempt, event.reason, event)
        case TaskAttemptFailed():
            again = {"state": TaskState.PENDING, "ready_at": event.ready_at}
            return again | failure(event.attempt, event.reason, event)
        case TaskStalled(is_put_off=True):
            return {"state": TaskState.PENDING, "ready_at": event.ready_at}
        case TaskStalled():
            return {
                "state": TaskState.PENDING,
                "ready_at": event.ready_at,
                "failed_attempt": event.attempt,
                "failure_reason": "stalled",
                "error_message": STALLED,
                "error_stack": "",
            }
        case TaskCancellationRequested():
            return {"state": TaskState.CANCELLING}
        case TaskCancelled():
            return {"state": TaskState.CANCELLED}
        case TaskSubmitted():
            return {}
        case _:
            assert_never(event)


def failure(attempt: int, reason: str, why: TaskFailed | TaskAttemptFailed) -> Facts:
    return {
        "failed_attempt": attempt,
        "failure_reason": reason,
        "error_message": text(why.message),
        "error_stack": text(why.stack or ""),
    }


def end_of(at: datetime, event: TaskEvent) -> Facts:
    """`shelf`: what is completed is kept for less long than what is not."""
    is_completed = isinstance(event, TaskCompleted)
    result = event.result if isinstance(event, TaskCompleted) else None
    return {
        "ended_at": at,
        "result": msgspec.json.encode(result).decode() if is_completed else None,
        "shelf": f"{'completed' if is_completed else 'failed'}_{at:%Y%m%d}",
    }


def text(said: str) -> str:
    """Of a worker, which may say what no text column can hold."""
    return said.replace("\0", "\ufffd")


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    changed = Changes()
    for record in records:
        changed.see(record)
    return changed.writes()


task_board = View(
    "task_board",
    ("task", "ended_task"),
    project,
    get_args(TaskEvent),
    erase=(sql["erase_tasks"], sql["erase_ended"]),
)
