"""What is to be done about a schedule just now: steps that commit together.

Whether the instance before is over is asked of its own stream in the same append, so
that no slot is fired beside it nor passed over without need, however many workers run.
So is whether the application token is still good that the schedule was submitted with.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.decider import Step
from domain.event import Actor, Command, system
from domain.task import lifecycle
from domain.task.commands import RequireGoing, RequireOver, SubmitTask
from domain.task.events import Order
from domain.task.recurrence import Overlap, Recurrence
from domain.task.schedule import (
    Schedule,
    instance_id,
    missed_by,
    schedule,
    stream_of,
    turn_of,
)
from domain.task.schedule_commands import (
    FireSlot,
    MissSlots,
    PutOffSlot,
    StartSchedule,
    StopSchedule,
)
from domain.task.submitter import actor_of, guard_of

TIMER = system("task-schedule")


def start(
    by: Actor, schedule_id: str, order: Order, recurrence: Recurrence
) -> Sequence[Step]:
    """To be executed together; with `immediately`, also the first instance."""
    first_id = instance_id(schedule_id, None)
    command = StartSchedule(
        by=by, order=order, recurrence=recurrence, first_id=first_id
    )
    steps = [of_schedule(schedule_id, command)]
    if recurrence.immediately:
        submit = SubmitTask(by=by, order=order, schedule_id=schedule_id)
        steps.append(of_task(first_id, submit))
    return steps


def next_steps(
    schedule_id: str, found: Schedule, at: datetime, *, is_busy: bool = False
) -> Sequence[Step]:
    """Nothing if nothing is due. `is_busy`: the instance before was seen to go on."""
    if found.order is None or found.submitter is None or found.is_over:
        return []
    if missed := missed_by(found, at):
        return [of_schedule(schedule_id, MissSlots(by=TIMER, missed=missed))]
    due, slot = found.next_at, turn_of(found)
    if slot is None or at < slot:
        return []
    if not is_busy:
        return fire(schedule_id, found, slot, found.order, actor_of(found.submitter))
    if due is None or at < due or found.latest_id is None:
        return []
    put_off = of_schedule(schedule_id, PutOffSlot(by=TIMER, slot=due))
    return [put_off, of_task(found.latest_id, RequireGoing(by=TIMER))]


def fire(
    schedule_id: str, found: Schedule, slot: datetime, order: Order, by: Actor
) -> Sequence[Step]:
    """To be executed together: refused if it is not its turn, or, unless instances may
    overlap, the latest one goes on.
    """
    operation_id = instance_id(schedule_id, slot)
    command = FireSlot(by=TIMER, slot=slot, operation_id=operation_id)
    submit = SubmitTask(by=by, order=order, schedule_id=schedule_id, slot=slot)
    # First of all, so that it is heard of also while the instance before goes on.
    steps = [*guard_of(by)]
    steps += [of_schedule(schedule_id, command), of_task(operation_id, submit)]
    if found.latest_id and found.recurrence.overlap is not Overlap.ALLOW:
        steps.append(of_task(found.latest_id, RequireOver(by=TIMER)))
    return steps


def stop(schedule_id: str) -> Step:
    """For a schedule that nobody has the right to any more."""
    return of_schedule(schedule_id, StopSchedule(by=TIMER))


def of_schedule(schedule_id: str, command: Command) -> Step:
    return Step(schedule, stream_of(schedule_id), command)


def of_task(operation_id: str, command: Command) -> Step:
    return Step(lifecycle.lifecycle, lifecycle.stream_of(operation_id), command)
