"""The schedule of a recurring task: which slots are fired, and which are not.

going --slot due--> fired            --limit or end date reached--> ended
      |             queued, fired when the one before is over
      |             skipped | missed
      |--stop--> stopped
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Decider, Reach
from domain.errors import Invalid
from domain.event import Actor
from domain.ids import derived_id
from domain.roles import Role
from domain.task.errors import NotYourTask, SlotTaken, TaskNotFound, TaskOver
from domain.task.events import Order, Submitter
from domain.task.recurrence import (
    EARLIEST,
    CatchUp,
    Overlap,
    Recurrence,
    check,
    next_slot,
    slots,
)
from domain.task.schedule_commands import (
    FireSlot,
    MissSlots,
    PutOffSlot,
    ScheduleCommand,
    StartSchedule,
    StopSchedule,
)
from domain.task.schedule_events import (
    EndReason,
    ScheduleEnded,
    ScheduleEvent,
    ScheduleFired,
    ScheduleMissed,
    ScheduleQueued,
    ScheduleSkipped,
    ScheduleStarted,
    ScheduleStopped,
)
from domain.task.submitter import submitter_of

GRACE = timedelta(seconds=30)  # A slot that nobody fired so long was missed.
QUEUED_MAX = 100
OPEN_MAX = 1_000  # So many instances may overlap.
MISSED_AT_ONCE_MAX = 1_000
SMALLEST = timedelta(microseconds=1)


class ScheduleState(StrEnum):
    """As the Tasks API tells them."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Schedule(Struct, frozen=True):
    """`queued` are slots that wait for the instance `latest_id` to be over."""

    order: Order | None = None
    recurrence: Recurrence = Recurrence()
    submitter: Submitter | None = None
    started_at: datetime | None = None
    state: ScheduleState = ScheduleState.PENDING
    next_at: datetime | None = None
    queued: tuple[datetime, ...] = ()
    executions: int = 0
    latest_id: str | None = None
    last_fired_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.state is not ScheduleState.PENDING


def stream_of(operation_id: str) -> str:
    return f"schedules/{operation_id}"


def instance_id(schedule_id: str, slot: datetime | None) -> str:
    """The task that a slot becomes, always the same; None is the one at the start."""
    number = 0 if slot is None else (slot - EARLIEST) // SMALLEST
    return derived_id(schedule_id, number)


def decide(
    command: ScheduleCommand, schedule: Schedule, at: datetime
) -> Sequence[ScheduleEvent]:
    if isinstance(command, StartSchedule):
        return start(command, schedule, at)
    if schedule.order is None:
        raise TaskNotFound("no such recurring task")
    if isinstance(command, StopSchedule):
        return stop(command, schedule, at)
    if schedule.is_over:
        raise SlotTaken(f"this recurring task is {schedule.state}")
    match command:
        case FireSlot():
            check_is_next(command.slot, turn_of(schedule), at)
            return fire(command, schedule, at)
        case PutOffSlot():
            check_is_next(command.slot, schedule.next_at, at)
            return put_off(command.slot, schedule)
        case MissSlots(missed=missed):
            check_is_next(missed.first, schedule.next_at, at)
            return and_perhaps_the_end(schedule, missed)
        case _:
            assert_never(command)


def start(
    command: StartSchedule, schedule: Schedule, at: datetime
) -> Sequence[ScheduleEvent]:
    if schedule.order is not None:
        return []  # Started already: nothing to append.
    check(command.recurrence)
    since = command.recurrence.start_at or at
    recurrence = replace(command.recurrence, start_at=since)
    first, is_at_once = next_slot(recurrence, at), recurrence.immediately
    if recurrence.end_at and recurrence.end_at < at:
        raise Invalid(
            "recurrenceConfig.endDate is over", field="recurrenceConfig.endDate"
        )
    if first is None and not is_at_once:
        raise Invalid(
            "recurrenceConfig.endDate comes before anything is due",
            field="recurrenceConfig.endDate",
        )
    whose = submitter_of(command.by)
    started = ScheduleStarted(command.order, recurrence, whose, at, first)
    if not is_at_once:
        return [started]
    fired = ScheduleFired(at, command.first_id, 1, at, first)
    return [started, *and_perhaps_the_end(evolve(schedule, started), fired)]


def turn_of(schedule: Schedule) -> datetime | None:
    """The slot to be fired before any other."""
    return schedule.queued[0] if schedule.queued else schedule.next_at


def check_is_next(slot: datetime, due: datetime | None, at: datetime) -> None:
    """`SlotTaken` if it was another's turn, or it is too early."""
    if slot != due or at < slot:
        raise SlotTaken("it is not this slot's turn")


def fire(
    command: FireSlot, schedule: Schedule, at: datetime
) -> Sequence[ScheduleEvent]:
    next_at = schedule.next_at
    if not schedule.queued:
        next_at = next_slot(schedule.recurrence, command.slot)
    fired = ScheduleFired(
        slot=command.slot,
        operation_id=command.operation_id,
        number=schedule.executions + 1,
        fired_at=at,
        next_at=next_at,
        waiting=max(0, len(schedule.queued) - 1),
    )
    return and_perhaps_the_end(schedule, fired)


def put_off(slot: datetime, schedule: Schedule) -> Sequence[ScheduleEvent]:
    next_at = next_slot(schedule.recurrence, slot)
    may_queue = schedule.recurrence.overlap is Overlap.QUEUE
    if may_queue and len(schedule.queued) < QUEUED_MAX:
        return [ScheduleQueued(slot, next_at, len(schedule.queued) + 1)]
    return and_perhaps_the_end(schedule, ScheduleSkipped(slot, next_at))


def missed_by(schedule: Schedule, at: datetime) -> ScheduleMissed | None:
    """So many at a time, lest an outage of months take long to be told.

    To be found out before the journal is locked: that others wait for.
    """
    recurrence, slot = schedule.recurrence, schedule.next_at
    if recurrence.catch_up is CatchUp.ALL:
        return None
    missed: list[datetime] = []
    to_come = slots(recurrence, slot) if slot else iter(())
    while slot and at - slot > GRACE and len(missed) < MISSED_AT_ONCE_MAX:
        missed.append(slot)
        slot = next(to_come, None)
    is_last_late = slot is None or at - slot <= GRACE
    if missed and is_last_late and recurrence.catch_up is CatchUp.LATEST:
        slot = missed.pop()
    if not missed:
        return None
    return ScheduleMissed(missed[0], missed[-1], len(missed), slot)


def and_perhaps_the_end(
    schedule: Schedule, event: ScheduleEvent
) -> Sequence[ScheduleEvent]:
    after = evolve(schedule, event)
    limit = schedule.recurrence.limit
    if limit is not None and after.executions >= limit:
        return [event, ScheduleEnded(EndReason.LIMIT)]
    if after.next_at is None and not after.queued:
        return [event, ScheduleEnded(EndReason.END_DATE)]
    return [event]


def stop(
    command: StopSchedule, schedule: Schedule, at: datetime
) -> Sequence[ScheduleEvent]:
    """`NotYourTask`; `TaskOver` if it is over."""
    check_is_theirs(command.by, schedule)
    if schedule.is_over:
        state = schedule.state
        raise TaskOver(f"this recurring task is {state} already", status=state)
    return [ScheduleStopped(command.by.id, at)]


def check_is_theirs(by: Actor, schedule: Schedule) -> None:
    """`NotYourTask` unless `by` submitted it or is an owner."""
    whose = schedule.submitter
    is_theirs = whose is not None and by.is_same_as(whose.id, whose.application)
    if not is_theirs and not by.role.includes(Role.OWNER):
        raise NotYourTask("this task is somebody else's")


def evolve(schedule: Schedule, event: ScheduleEvent) -> Schedule:
    match event:
        case ScheduleStarted():
            return Schedule(
                order=event.order,
                recurrence=event.recurrence,
                submitter=event.submitter,
                started_at=event.started_at,
                next_at=event.next_at,
            )
        case ScheduleFired():
            return replace(
                schedule,
                next_at=event.next_at,
                queued=tuple(slot for slot in schedule.queued if slot != event.slot),
                executions=event.number,
                latest_id=event.operation_id,
                last_fired_at=event.fired_at,
            )
        case ScheduleQueued():
            queued = (*schedule.queued, event.slot)
            return replace(schedule, next_at=event.next_at, queued=queued)
        case ScheduleSkipped() | ScheduleMissed():
            return replace(schedule, next_at=event.next_at)
        case ScheduleStopped():
            over = ended(schedule, ScheduleState.CANCELLED)
            return replace(over, stopped_at=event.stopped_at)
        case ScheduleEnded():
            return ended(schedule, ScheduleState.COMPLETED)
        case _:
            assert_never(event)


def ended(schedule: Schedule, state: ScheduleState) -> Schedule:
    return replace(schedule, state=state, next_at=None, queued=())


def belongs_to(command: ScheduleCommand, schedule: Schedule) -> str | Reach:
    if isinstance(command, StartSchedule):
        return command.order.repository or Reach.INSTALLATION
    if schedule.order is None:
        return Reach.EVERYBODY  # Where nothing is, nothing happens.
    return schedule.order.repository or Reach.INSTALLATION


schedule = Decider(
    initial=Schedule(), decide=decide, evolve=evolve, belongs_to=belongs_to
)
