"""What callers are told of their tasks, from the rows of the task board."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET, Raw, UnsetType

from api.task_schemas import (
    ScheduleType,
    TaskError,
    TaskResultAnswer,
    TaskStatusAnswer,
)
from domain.errors import Invalid
from domain.task.task import TaskState, status_of

Row = Mapping[str, Any]
POSITION_MAX = 2**63 - 1
CURSOR_LENGTH_MAX = 40


def status_answer(row: Row, at: datetime, *, with_stack: bool) -> TaskStatusAnswer:
    return TaskStatusAnswer(**facts(row, at, with_stack=with_stack))


def result_answer(row: Row, at: datetime, *, with_stack: bool) -> TaskResultAnswer:
    result = UNSET if row["result"] is None else Raw(row["result"].encode())
    return TaskResultAnswer(**facts(row, at, with_stack=with_stack), result=result)


def facts(row: Row, at: datetime, *, with_stack: bool) -> dict[str, Any]:
    """What status and result have in common. `progress` is a percentage."""
    state = TaskState(row["state"])
    is_pending = state is TaskState.PENDING
    percent: float = row["percent"]
    return {
        "operation_id": row["operation_id"],
        "type": row["task_type"],
        "status": status_of(state),
        "state": pending_state(row, at) if is_pending else state,
        "progress": int(percent) if percent.is_integer() else percent,
        "message": row["message"],
        "priority": row["priority"],
        "schedule_type": schedule_type(row),
        "schedule_id": row["schedule_id"],
        "attempt": row["attempt"],
        "description": row["description"],
        "repository_identifier": row["repository"],
        "submitted_by": row["submitter_id"],
        "submitted_at": row["submitted_at"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "next_attempt_at": row["ready_at"] if is_pending else None,
        "error": error_of(row, with_stack=with_stack),
    }


def pending_state(row: Row, at: datetime) -> str:
    """What time alone makes of it; see domain/task/task.py."""
    if row["ready_at"] <= at:
        return "ready"
    return "backingOff" if row["attempt"] else "waiting"


def schedule_type(row: Row) -> ScheduleType:
    if row["schedule_id"] is not None:
        return ScheduleType.RECURRING
    is_scheduled = row["scheduled_for"] is not None
    return ScheduleType.SCHEDULED if is_scheduled else ScheduleType.IMMEDIATE


def error_of(row: Row, *, with_stack: bool) -> TaskError | UnsetType:
    """That of the latest attempt, unless it has not failed."""
    if not row["attempt"] or row["failed_attempt"] != row["attempt"]:
        return UNSET
    stack = row["error_stack"] if with_stack else None
    return TaskError(
        message=row["error_message"],
        reason=row["failure_reason"],
        stack=stack or UNSET,
    )


def cursor_of(row: Row) -> str:
    """Opaque to callers: where the page ended."""
    return urlsafe_b64encode(str(row["position"]).encode()).decode().rstrip("=")


def position_of(after: str | None) -> int:
    """Of the last task of the page before, from its cursor; `Invalid` if it is none."""
    if after is None:
        return POSITION_MAX
    try:
        padded = after + "=" * (-len(after) % 4)
        text = urlsafe_b64decode(padded.encode()).decode("ascii")
    except ValueError:
        text = ""
    if after == "" or len(after) > CURSOR_LENGTH_MAX or not text.isdecimal():
        raise Invalid("after is not the end of a page", field="after")
    return min(int(text), POSITION_MAX)
