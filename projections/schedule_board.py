"""The schedule board: each recurring task, when it is due next, and what it fired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, assert_never, get_args

from domain.naming import fold
from domain.record import Recorded
from domain.task.events import TaskCancelled, TaskCompleted, TaskFailed
from domain.task.schedule import ScheduleState
from domain.task.schedule_events import (
    ScheduleEnded,
    ScheduleEvent,
    ScheduleFired,
    ScheduleMissed,
    ScheduleQueued,
    ScheduleSkipped,
    ScheduleStarted,
    ScheduleStopped,
)
from projections.queries import load
from projections.view import Row, View, Write

sql = load("schedule_board")

InstanceEnded = TaskCompleted | TaskFailed | TaskCancelled
Shown = ScheduleEvent | InstanceEnded
Facts = dict[str, Any]


class Changes:
    """What one batch changes, the last word on each schedule being kept."""

    def __init__(self) -> None:
        self.new: dict[str, Facts] = {}
        self.known: defaultdict[str, Facts] = defaultdict(dict)
        self.over: list[Row] = []

    def see(self, record: Recorded) -> None:
        id_of_stream = record.originator_id.partition("/")[2]
        event = record.event
        if isinstance(event, InstanceEnded):
            self.over.append({"operation_id": id_of_stream})
        elif isinstance(event, ScheduleStarted):
            self.new[id_of_stream] = new_row(id_of_stream, record, event)
        elif isinstance(event, ScheduleEvent):
            row = self.new.get(id_of_stream)
            row = self.known[id_of_stream] if row is None else row
            row.update(told(record, event))

    def writes(self) -> Iterable[Write]:
        """An instance may have been fired and have ended within one batch."""
        yield sql["add_schedules"], list(self.new.values())
        known = [{"id": key, **row} for key, row in self.known.items()]
        yield sql["change_schedules"], known
        yield sql["end_instances"], self.over


def new_row(schedule_id: str, record: Recorded, started: ScheduleStarted) -> Facts:
    order, submitter = started.order, started.submitter
    return {
        "id": schedule_id,
        "position": record.position,
        "task_type": order.task_type,
        "priority": order.priority,
        "description": order.description,
        "repository": order.repository,
        "repository_key": fold(order.repository) if order.repository else None,
        "submitter_id": submitter.id,
        "submitter_application": submitter.application,
        "started_at": started.started_at,
        "state": ScheduleState.PENDING,
        "next_at": started.next_at,
        "end_at": started.recurrence.end_at,
        "executions": 0,
        "waiting": 0,
        "latest_id": None,
        "is_latest_over": False,
        "last_fired_at": None,
        "ended_at": None,
    }


def told(record: Recorded, event: ScheduleEvent) -> Facts:
    match event:
        case ScheduleStarted():
            return {}
        case ScheduleFired():
            return {
                "next_at": event.next_at,
                "executions": event.number,
                "waiting": event.waiting,
                "latest_id": event.operation_id,
                "is_latest_over": False,
                "last_fired_at": event.fired_at,
            }
        case ScheduleQueued():
            return {"next_at": event.next_at, "waiting": event.waiting}
        case ScheduleSkipped() | ScheduleMissed():
            return {"next_at": event.next_at}
        case ScheduleStopped():
            state, at = ScheduleState.CANCELLED, event.stopped_at
            return {"next_at": None, "state": state, "ended_at": at}
        case ScheduleEnded():
            state, at = ScheduleState.COMPLETED, record.origin.at
            return {"next_at": None, "state": state, "ended_at": at}
        case _:
            assert_never(event)


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    changed = Changes()
    for record in records:
        changed.see(record)
    return changed.writes()


schedule_board = View(
    "schedule_board",
    ("schedule",),
    project,
    get_args(Shown),
    erase=(sql["erase_schedules"],),
)
