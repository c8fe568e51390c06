"""Recurring tasks: started, told of, stopped, and the instances that they fired."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Controller, get, post
from litestar.params import FromPath, QueryParameter

from api.auth import allow
from api.deps import AtDesk, Desk, Views
from api.page_limit import page_limit
from api.task_answers import POSITION_MAX, Row, cursor_of, result_answer
from api.task_schemas import (
    RecurringStoppedAnswer,
    ScheduleType,
    TaskBody,
    TaskCancelledAnswer,
    TaskLogsAnswer,
    TaskResultAnswer,
    TasksAnswer,
    TaskSubmittedAnswer,
)
from api.task_sight import sees_stacks, visible_schedule
from domain.errors import Invalid
from domain.ids import parse_id
from domain.roles import Role
from domain.task.errors import TaskNotFound, TaskOver
from domain.task.events import Order
from domain.task.firing import of_schedule, start
from domain.task.recurrence import Recurrence, check
from domain.task.schedule import Schedule, ScheduleState
from domain.task.schedule_commands import StopSchedule
from domain.task.task import TaskStatus
from projections.schedule_board import schedule_board
from projections.schedule_board import sql as schedules_sql
from projections.task_board import sql, task_board

FIELD = "recurrenceConfig"
LIMIT_MAX = 100
Limit = Annotated[int, page_limit(LIMIT_MAX)]
After = Annotated[
    str | None,
    QueryParameter(
        name="after", description="The page before: the operationId of its last"
    ),
]


class RecurringController(Controller):
    path = "/tasks/{operation_id:str}"
    tags = ["Tasks"]

    @post(
        "/stop-recurring",
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        status_code=200,
        summary="Stop a recurring task",
    )
    async def stop_recurring(
        self, operation_id: FromPath[str], desk: AtDesk, views: Views
    ) -> RecurringStoppedAnswer:
        """Nothing is fired any more; what runs is left alone. 400 when it is over."""
        row = await schedule_row(desk, views, operation_id)
        command = StopSchedule(by=desk.actor)
        stopped: Schedule = (
            await desk.execute(of_schedule(row["id"], command))
        ).states[0]
        assert stopped.stopped_at is not None
        return RecurringStoppedAnswer(
            message="Recurring task stopped successfully",
            operation_id=row["id"],
            stopped_at=stopped.stopped_at,
            total_executions=stopped.executions,
            last_execution_at=stopped.last_fired_at,
            original_end_date=stopped.recurrence.end_at,
        )

    @get(
        "/recurring-instances",
        guards=[allow(Role.MEMBER)],
        summary="Get all instances of a recurring task",
    )
    async def list_recurring_instances(
        self,
        operation_id: FromPath[str],
        desk: AtDesk,
        views: Views,
        limit: Limit = 100,
        after: After = None,
    ) -> list[TaskResultAnswer]:
        """Newest first. Those that ended long ago are kept no more."""
        row = await schedule_row(desk, views, operation_id)
        before = await position_of(after, row["id"], views)
        limit = min(limit, LIMIT_MAX)
        values = {"schedule": row["id"], "before": before, "limit": limit}
        found = await views.read(task_board, sql["list_instances"], values)
        with_stack = sees_stacks(desk)
        return [
            result_answer(instance, found.at, with_stack=with_stack)
            for instance in found.rows
        ]


async def position_of(after: str | None, schedule_id: str, views: Views) -> int:
    """Of the instance that ended the page before; `Invalid` if it is another's."""
    if after is None:
        return POSITION_MAX
    values = {"operation_id": parse_id(after, "after")}
    found = await views.read(task_board, sql["find_task"], values)
    if not found.rows or found.rows[0]["schedule_id"] != schedule_id:
        raise Invalid("after is no instance of this recurring task", field="after")
    position: int = found.rows[0]["position"]
    return position


async def schedule_row(desk: Desk, views: Views, operation_id: str) -> Row:
    """`TaskNotFound` if the caller may not see it, or it recurs not."""
    row = await visible_schedule(desk, views, operation_id)
    if row is None:
        raise TaskNotFound("no such task, or it is not a recurring one")
    return row


def recurrence_of(body: TaskBody) -> Recurrence | None:
    """None unless the task is to recur; `Invalid` names what will not do."""
    config = body.recurrence_config
    if body.schedule_type is not ScheduleType.RECURRING:
        if config is not None:
            message = "recurrenceConfig goes with scheduleType recurring"
            raise Invalid(message, field=FIELD)
        return None
    if config is None:
        raise Invalid("recurrenceConfig says when it recurs", field=FIELD)
    recurrence = Recurrence(
        pattern=config.pattern,
        every_ms=config.every,
        tz=config.tz,
        start_at=in_utc(config.start_date, "startDate"),
        end_at=in_utc(config.end_date, "endDate"),
        limit=config.limit,
        immediately=config.immediately,
        overlap=config.overlap_policy,
        catch_up=config.catch_up,
    )
    check(recurrence)
    return recurrence


def in_utc(instant: datetime | None, name: str) -> datetime | None:
    """`Invalid` if its zone puts it out of the calendar."""
    try:
        return None if instant is None else instant.astimezone(UTC)
    except OverflowError:  # Its zone puts it before the first year, or after the last.
        field = f"{FIELD}.{name}"
        raise Invalid(f"{field} must lie between 1970 and 2200", field=field) from None


async def start_recurring(
    desk: Desk, order: Order, recurrence: Recurrence
) -> TaskSubmittedAnswer:
    schedule_id = desk.new_id()
    outcome = await desk.execute(*start(desk.actor, schedule_id, order, recurrence))
    begun: Schedule = outcome.states[0]
    return TaskSubmittedAnswer(
        operation_id=schedule_id,
        type=order.task_type,
        status=TaskStatus(begun.state),
        priority=order.priority,
        schedule_type=ScheduleType.RECURRING,
        submitted_at=begun.started_at or outcome.at,
        scheduled_for=begun.next_at,
    )


async def list_schedules(
    views: Views, values: Mapping[str, Any], limit: int
) -> TasksAnswer:
    """`values` as for tasks; only that there are fewer states."""
    page = await views.read(schedule_board, schedules_sql["list_schedules"], values)
    shown = page.rows[:limit]
    return TasksAnswer(
        tasks=[scheduled_result(row) for row in shown],
        next=cursor_of(shown[-1]) if len(page.rows) > limit else None,
    )


async def stop(desk: Desk, row: Row) -> TaskCancelledAnswer:
    """To cancel a recurring task is to stop it; again, it is nothing new."""
    if row["state"] != ScheduleState.CANCELLED:
        command = StopSchedule(by=desk.actor)
        try:
            await desk.execute(of_schedule(row["id"], command))
        except TaskOver as over:
            if over.status != ScheduleState.CANCELLED:
                raise  # Else somebody else has stopped it since.
    return TaskCancelledAnswer(
        message="Task cancelled successfully", status=TaskStatus.CANCELLED
    )


def scheduled_logs(row: Row) -> TaskLogsAnswer:
    instances = f"/sfp/api/tasks/{row['id']}/recurring-instances"
    return TaskLogsAnswer(
        operation_id=row["id"],
        attempts=[],
        message=f"a recurring task writes nothing, its instances do: {instances}",
    )


def scheduled_result(row: Row) -> TaskResultAnswer:
    """A recurring task is pending for as long as there is something to fire."""
    is_completed = row["state"] == ScheduleState.COMPLETED
    return TaskResultAnswer(
        operation_id=row["id"],
        type=row["task_type"],
        status=row["state"],
        state=row["state"],
        progress=100 if is_completed else 0,
        message="",
        priority=row["priority"],
        schedule_type=ScheduleType.RECURRING,
        schedule_id=None,
        attempt=0,
        description=row["description"],
        repository_identifier=row["repository"],
        submitted_by=row["submitter_id"],
        submitted_at=row["started_at"],
        started_at=None,
        ended_at=row["ended_at"],
        next_attempt_at=None,
        next_run_at=row["next_at"],
        total_executions=row["executions"],
        last_execution_at=row["last_fired_at"],
    )
