"""Which tasks a caller sees within its reach: its own, and owners all."""

from __future__ import annotations

from api.deps import Desk
from api.task_answers import Row
from domain.decider import Reach, check_reach
from domain.errors import Invalid
from domain.ids import parse_id
from domain.roles import Role
from domain.task.errors import NotYourTask, TaskNotFound
from domain.task.lifecycle import stream_of
from projections import schedule_board, task_board
from projections.schedule_board import schedule_board as schedules
from projections.storage.reader import Reader, Rows


async def visible_task(desk: Desk, views: Reader, operation_id: str) -> Rows:
    """The task's row; `TaskNotFound`, or `NotYourTask` on record, if it is not."""
    values = {"operation_id": known_id(operation_id)}
    found = await views.read(task_board.task_board, task_board.sql["find_task"], values)
    if not found.rows:
        raise TaskNotFound("no such task, or it was kept long enough")
    async with desk.refusals_on_record():
        check_is_visible(desk, found.rows[0])
    return found


async def visible_schedule(desk: Desk, views: Reader, operation_id: str) -> Row | None:
    """The row of a recurring task, if it is one that the caller may see."""
    values = {"id": known_id(operation_id)}
    found = await views.read(schedules, schedule_board.sql["find_schedule"], values)
    if not found.rows:
        return None
    async with desk.refusals_on_record():
        check_is_visible(desk, found.rows[0])
    return found.rows[0]


def known_id(operation_id: str) -> str:
    """As ours are spelled; `TaskNotFound` if it is none."""
    try:
        return parse_id(operation_id, "operationId")
    except Invalid:
        raise TaskNotFound("no such task") from None


def check_is_visible(desk: Desk, row: Row) -> None:
    """`NotYourTask` to all but its submitter and owners; `Forbidden` out of reach."""
    by = desk.actor
    is_theirs = by.is_same_as(row["submitter_id"], row["submitter_application"])
    if not is_theirs and not by.role.includes(Role.OWNER):
        raise NotYourTask("this task is somebody else's")
    # Theirs too: what a person's other token submitted is not this one's to see.
    check_reach(by, row["repository"] or Reach.INSTALLATION)


def sees_stacks(desk: Desk) -> bool:
    return desk.actor.role.includes(Role.OWNER)


def stream_in(found: Rows) -> str:
    return stream_of(found.rows[0]["operation_id"])
