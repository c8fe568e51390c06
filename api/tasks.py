"""Background tasks: submit, look at, wait for, list, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api.auth import allow
from api.deps import AtDesk, Views
from api.page_limit import page_limit
from api.recurring import (
    list_schedules,
    recurrence_of,
    scheduled_logs,
    scheduled_result,
    start_recurring,
    stop,
)
from api.task_answers import (
    cursor_of,
    position_of,
    result_answer,
    status_answer,
)
from api.task_orders import order_of, ready_at
from api.task_schemas import (
    AttemptLogAnswer,
    PriorityName,
    ScheduleType,
    TaskBody,
    TaskCancelledAnswer,
    TaskLogsAnswer,
    TaskResultAnswer,
    TasksAnswer,
    TaskStatusAnswer,
    TaskSubmittedAnswer,
)
from api.task_sight import sees_stacks, stream_in, visible_schedule, visible_task
from api.waiting import wait_for_turn
from domain.decider import Step, StillWaiting
from domain.naming import fold
from domain.roles import Role
from domain.task.commands import AwaitEnd, CancelTask, SubmitTask
from domain.task.lifecycle import lifecycle, stream_of
from domain.task.task import Task, TaskState, TaskStatus, status_of
from projections.task_board import listings, task_board

WAIT_SECONDS_MAX = 300
AnyRequest = Request[Any, Any, Any]
Wait = Annotated[
    int,
    QueryParameter(
        name="wait",
        ge=0,
        le=WAIT_SECONDS_MAX,
        description="How many seconds to wait for the end, if it has not come yet",
    ),
]
StatusFilter = Annotated[TaskStatus | None, QueryParameter(name="status")]
TypeFilter = Annotated[str | None, QueryParameter(name="type")]
PriorityFilter = Annotated[PriorityName | None, QueryParameter(name="priority")]
RepositoryFilter = Annotated[str | None, QueryParameter(name="repositoryIdentifier")]
ScheduleFilter = Annotated[
    str | None,
    QueryParameter(name="scheduleId", description="The instances of a recurring task"),
]
SubmitterFilter = Annotated[
    str | None, QueryParameter(name="submittedBy", description="For owners")
]
KindFilter = Annotated[
    Literal["recurring"] | None,
    QueryParameter(
        name="scheduleType",
        description="The recurring tasks themselves, and not what they have fired",
    ),
]
LIMIT_MAX = 200
Limit = Annotated[int, page_limit(LIMIT_MAX)]
After = Annotated[
    str | None, QueryParameter(name="after", description="The page before: its `next`")
]
AttemptFilter = Annotated[
    int | None, QueryParameter(name="attempt", ge=1, le=1_000_000)
]


class TasksController(Controller):
    """A caller sees what is its own; owners see all."""

    path = "/tasks"
    tags = ["Tasks"]

    @post(
        guards=[allow(Role.APPLICATION)],
        opt={"commits": True},
        summary="Submit a task",
    )
    async def submit_task(
        self, data: JSONBody[TaskBody], desk: AtDesk, views: Views, request: AnyRequest
    ) -> TaskSubmittedAnswer:
        """It runs as soon as a worker is free, or from `scheduledFor` on.

        What is scheduled for an instant that is past is immediate, and told so.
        """
        begin = ready_at(data, desk.journal.now())
        recurrence = recurrence_of(data)
        order = await order_of(data, desk.services.task_types, views)
        await request.app.state.task_quota.check(desk.actor)
        if recurrence is not None:
            await request.app.state.schedule_quota.check(desk.actor)
            return await start_recurring(desk, order, recurrence)
        operation_id = desk.new_id()
        command = SubmitTask(by=desk.actor, order=order, ready_at=begin)
        step = Step(lifecycle, stream_of(operation_id), command, fresh=True)
        outcome = await desk.execute(step)
        task: Task = outcome.states[0]
        submitted_at = outcome.at
        if not outcome.events:  # It was submitted by an attempt that was cut off.
            found = await visible_task(desk, views, operation_id)
            submitted_at = found.rows[0]["submitted_at"]
            begin = found.rows[0]["scheduled_for"]
        is_ahead = begin is not None and begin > submitted_at
        return TaskSubmittedAnswer(
            operation_id=operation_id,
            type=order.task_type,
            status=status_of(task.state),
            priority=order.priority,
            schedule_type=(
                ScheduleType.SCHEDULED if is_ahead else ScheduleType.IMMEDIATE
            ),
            submitted_at=submitted_at,
            scheduled_for=begin if is_ahead else None,
        )

    @get(guards=[allow(Role.MEMBER)], summary="List tasks")
    async def list_tasks(
        self,
        desk: AtDesk,
        views: Views,
        status: StatusFilter = None,
        task_type: TypeFilter = None,
        priority: PriorityFilter = None,
        repository: RepositoryFilter = None,
        schedule: ScheduleFilter = None,
        schedule_type: KindFilter = None,
        submitter: SubmitterFilter = None,
        limit: Limit = 50,
        after: After = None,
    ) -> TasksAnswer:
        """Newest first. Who is no owner is shown its own tasks."""
        by, limit = desk.actor, min(limit, LIMIT_MAX)
        is_owner = by.role.includes(Role.OWNER)
        reach = None if by.repositories is None else sorted(by.repositories)
        states = [s for s in TaskState if status in (None, status_of(s))]
        values = {
            "states": states,
            "type": task_type,
            "priority": priority and priority.priority,
            "repository": repository and fold(repository),
            "schedule": schedule,
            "submitter": submitter if is_owner else by.id,
            "is_any": is_owner,
            "application": by.application,
            "repositories": reach if repository is None else [fold(repository)],
            "reach": reach,
            "before": position_of(after),
            "limit": limit + 1,
        }
        if not is_owner and submitter not in (None, by.id):
            values["states"] = []  # Nobody else's are theirs to see.
        if schedule_type is not None:
            return await list_schedules(views, values, limit)
        page = await views.read(task_board, listings[listing_for(values)], values)
        shown = page.rows[:limit]
        return TasksAnswer(
            tasks=[status_answer(row, page.at, with_stack=is_owner) for row in shown],
            next=cursor_of(shown[-1]) if len(page.rows) > limit else None,
        )

    @get(
        "/{operation_id:str}/status",
        guards=[allow(Role.MEMBER)],
        summary="Get task status",
    )
    async def get_task_status(
        self, operation_id: FromPath[str], desk: AtDesk, views: Views
    ) -> TaskStatusAnswer:
        """`error` is that of the latest attempt, if it failed."""
        if row := await visible_schedule(desk, views, operation_id):
            return scheduled_result(row)
        found = await visible_task(desk, views, operation_id)
        return status_answer(found.rows[0], found.at, with_stack=sees_stacks(desk))

    @get(
        "/{operation_id:str}/result",
        guards=[allow(Role.MEMBER)],
        summary="Get task result, or wait for it",
    )
    async def get_task_result(
        self,
        operation_id: FromPath[str],
        desk: AtDesk,
        views: Views,
        request: AnyRequest,
        wait: Wait = 0,
    ) -> TaskResultAnswer:
        """Before the end there is no `result`.

        A recurring task never has one, and is answered at once whatever `wait` is: wait
        for one of its instances.
        """
        if row := await visible_schedule(desk, views, operation_id):
            return scheduled_result(row)
        found = await visible_task(desk, views, operation_id)
        if wait and not TaskState(found.rows[0]["state"]).is_over:
            step = Step(lifecycle, stream_in(found), AwaitEnd(by=desk.actor))
            asking = desk.execute(step, wait_seconds=wait)
            with suppress(StillWaiting):  # Then it is answered as it stands.
                await wait_for_turn(asking, desk.actor, request)
            await desk.require_to_read(Role.MEMBER)
            found = await visible_task(desk, views, operation_id)
        return result_answer(found.rows[0], found.at, with_stack=sees_stacks(desk))

    @delete(
        "/{operation_id:str}",
        guards=[allow(Role.APPLICATION)],
        status_code=200,
        summary="Cancel a task",
    )
    async def cancel_task(
        self, operation_id: FromPath[str], desk: AtDesk, views: Views
    ) -> TaskCancelledAnswer:
        """A running one is told to stop. 400 when it is completed or failed.

        Of a recurring one, nothing is fired any more; what runs is left alone.
        """
        if row := await visible_schedule(desk, views, operation_id):
            return await stop(desk, row)
        found = await visible_task(desk, views, operation_id)
        step = Step(lifecycle, stream_in(found), CancelTask(by=desk.actor))
        task: Task = (await desk.execute(step)).states[0]
        is_over = task.state is TaskState.CANCELLED
        return TaskCancelledAnswer(
            message="Task cancelled successfully"
            if is_over
            else "Task cancellation requested",
            status=status_of(task.state),
        )

    @get(
        "/{operation_id:str}/logs",
        guards=[allow(Role.MEMBER)],
        summary="Read what a task has written",
    )
    async def get_task_logs(
        self,
        operation_id: FromPath[str],
        desk: AtDesk,
        views: Views,
        attempt: AttemptFilter = None,
    ) -> TaskLogsAnswer:
        """The beginning of what each of the latest 10 attempts wrote, or of one.

        A recurring task itself writes nothing; each of its instances has a log.
        """
        if row := await visible_schedule(desk, views, operation_id):
            return scheduled_logs(row)
        found = await visible_task(desk, views, operation_id)
        its_id: str = found.rows[0]["operation_id"]
        logs = await desk.services.task_log.read(its_id, attempt)
        return TaskLogsAnswer(
            operation_id=its_id,
            attempts=[
                AttemptLogAnswer(attempt=log.attempt, log=log.content) for log in logs
            ],
        )


def listing_for(values: Mapping[str, Any]) -> str:
    """The statement whose index narrows the most; the other filters come after it."""
    narrowest_first = {
        "schedule": "list_of_schedule",
        "submitter": "list_of_submitter",
        "repositories": "list_by_repository",
        "type": "list_by_type",
        "priority": "list_by_priority",
    }
    asked = (name for of, name in narrowest_first.items() if values[of] is not None)
    return next(asked, "list_by_state")
