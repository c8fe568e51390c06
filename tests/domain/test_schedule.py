"""A schedule fires each slot once, passes over what it must, and comes to an end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.errors import Invalid
from domain.event import Command
from domain.task.errors import NotYourTask, SlotTaken, TaskNotFound, TaskOver
from domain.task.recurrence import Overlap, Recurrence
from domain.task.schedule import QUEUED_MAX, instance_id, schedule
from domain.task.schedule_commands import (
    FireSlot,
    MissSlots,
    PutOffSlot,
    StartSchedule,
    StopSchedule,
)
from domain.task.schedule_events import (
    EndReason,
    ScheduleEnded,
    ScheduleFired,
    ScheduleMissed,
    ScheduleQueued,
    ScheduleSkipped,
    ScheduleStarted,
    ScheduleStopped,
)
from tests.support.builders import NOON, OWNER, STRANGER, TIMER, at
from tests.support.spec import Spec
from tests.support.task_words import CI, SUBMITTER, order

ID = "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d07"
nothing = Spec(schedule)


def minutely(**facts: Any) -> Recurrence:
    return Recurrence(every_ms=60_000, **({"start_at": NOON} | facts))


def begun(**facts: Any) -> Spec:
    recurrence = minutely(**facts)
    return nothing.given(ScheduleStarted(order(), recurrence, SUBMITTER, NOON, at(60)))


def begin(**facts: Any) -> StartSchedule:
    facts = {"start_at": None} | facts
    recurrence = facts.pop("recurrence", None) or minutely(**facts)
    return StartSchedule(by=CI, order=order(), recurrence=recurrence, first_id="i0")


def fire(seconds: float) -> FireSlot:
    return FireSlot(by=TIMER, slot=at(seconds), operation_id=f"i{seconds:g}")


def put_off(seconds: float) -> PutOffSlot:
    return PutOffSlot(by=TIMER, slot=at(seconds))


def miss(told: ScheduleMissed) -> MissSlots:
    return MissSlots(by=TIMER, missed=told)


def fired(
    slot: float, number: int, then: float | None, now: float | None = None
) -> ScheduleFired:
    next_at = None if then is None else at(then)
    now = slot if now is None else now
    return ScheduleFired(at(slot), f"i{slot:g}", number, at(now), next_at)


def test_it_starts_with_its_first_slot() -> None:
    started = ScheduleStarted(order(), minutely(), SUBMITTER, NOON, at(60))
    nothing.when(begin(), NOON).then(started)


def test_it_may_start_later() -> None:
    later = minutely(start_at=at(600))
    started = ScheduleStarted(order(), later, SUBMITTER, NOON, at(600))
    nothing.when(begin(start_at=at(600)), NOON).then(started)


def test_the_instance_at_once_may_come_before_an_end_with_no_slot() -> None:
    short = minutely(immediately=True, end_at=NOON)
    nothing.when(begin(immediately=True, end_at=NOON), NOON).then(
        ScheduleStarted(order(), short, SUBMITTER, NOON, None),
        fired(0, 1, None),
        ScheduleEnded(EndReason.END_DATE),
    )


def test_it_may_start_with_an_instance_at_once() -> None:
    started = ScheduleStarted(
        order(), minutely(immediately=True), SUBMITTER, NOON, at(60)
    )
    nothing.when(begin(immediately=True), NOON).then(started, fired(0, 1, 60))


def test_the_instance_at_once_may_be_the_only_one() -> None:
    once = minutely(immediately=True, limit=1)
    nothing.when(begin(immediately=True, limit=1), NOON).then(
        ScheduleStarted(order(), once, SUBMITTER, NOON, at(60)),
        fired(0, 1, 60),
        ScheduleEnded(EndReason.LIMIT),
    )


def test_it_starts_once() -> None:
    begun().when(begin(), at(5)).then()


@pytest.mark.parametrize(
    ("recurrence", "field"),
    [
        (Recurrence(), "recurrenceConfig"),
        (minutely(start_at=at(-60), end_at=at(-1)), "recurrenceConfig.endDate"),
        (minutely(start_at=None, end_at=at(59)), "recurrenceConfig.endDate"),
        (
            minutely(start_at=at(-60), end_at=at(-1), immediately=True),
            "recurrenceConfig.endDate is over",
        ),
        (minutely(limit=0), "recurrenceConfig.limit"),
    ],
)
def test_what_never_fires_does_not_start(recurrence: Recurrence, field: str) -> None:
    asked = nothing.when(begin(recurrence=recurrence), NOON)
    asked.refused(Invalid, field)


def test_a_slot_is_fired_when_it_is_due_and_once() -> None:
    begun().when(fire(60), at(59)).refused(SlotTaken)
    begun().when(fire(60), at(61)).then(fired(60, 1, 120, 61))
    begun().given(fired(60, 1, 120)).when(fire(60), at(62)).refused(SlotTaken)


def test_no_slot_is_fired_out_of_turn() -> None:
    begun().when(fire(120), at(121)).refused(SlotTaken)
    begun().when(fire(61), at(61)).refused(SlotTaken)


def test_it_ends_with_its_last_firing() -> None:
    begun(limit=2).when(fire(60), at(60)).then(fired(60, 1, 120))
    limited = begun(limit=2).given(fired(60, 1, 120))
    limited.when(fire(120), at(120)).then(
        fired(120, 2, 180), ScheduleEnded(EndReason.LIMIT)
    )


def test_it_ends_with_its_end_date_which_may_be_a_slot() -> None:
    ending = begun(end_at=at(120)).given(fired(60, 1, 120))
    ending.when(fire(120), at(120)).then(
        fired(120, 2, None), ScheduleEnded(EndReason.END_DATE)
    )


def test_a_slot_beside_the_instance_before_is_skipped() -> None:
    busy = begun().given(fired(60, 1, 120))
    busy.when(put_off(120), at(121)).then(ScheduleSkipped(at(120), at(180)))
    busy.when(put_off(120), at(119)).refused(SlotTaken)


def test_a_skipped_slot_may_be_the_last() -> None:
    busy = begun(end_at=at(120)).given(fired(60, 1, 120))
    busy.when(put_off(120), at(121)).then(
        ScheduleSkipped(at(120), None), ScheduleEnded(EndReason.END_DATE)
    )


def test_a_skipped_slot_does_not_count() -> None:
    busy = begun(limit=2).given(fired(60, 1, 120), ScheduleSkipped(at(120), at(180)))
    busy.when(fire(180), at(180)).then(
        fired(180, 2, 240), ScheduleEnded(EndReason.LIMIT)
    )


def test_a_slot_may_wait_for_the_instance_before() -> None:
    busy = begun(overlap=Overlap.QUEUE).given(fired(60, 1, 120))
    busy.when(put_off(120), at(121)).then(ScheduleQueued(at(120), at(180), 1))
    waiting = busy.given(ScheduleQueued(at(120), at(180), 1))
    waiting.when(fire(120), at(170)).then(fired(120, 2, 180, 170))
    waiting.when(fire(180), at(181)).refused(SlotTaken)


def test_what_waits_is_fired_one_after_the_other() -> None:
    waiting = begun(overlap=Overlap.QUEUE, end_at=at(180)).given(
        fired(60, 1, 120),
        ScheduleQueued(at(120), at(180), 1),
        ScheduleQueued(at(180), None, 2),
    )
    first = replace(fired(120, 2, None, 500), waiting=1)
    waiting.when(fire(120), at(500)).then(first)
    waiting.given(first).when(fire(180), at(500)).then(
        fired(180, 3, None, 500), ScheduleEnded(EndReason.END_DATE)
    )


def test_firing_what_waits_leaves_the_next_slot_as_it_is() -> None:
    waiting = begun(overlap=Overlap.QUEUE).given(
        fired(60, 1, 120),
        ScheduleQueued(at(120), at(180), 1),
        ScheduleSkipped(at(180), at(240)),
    )
    waiting.when(fire(120), at(200)).then(fired(120, 2, 240, 200))


def test_what_waits_is_fired_after_the_end_date_too() -> None:
    waiting = begun(overlap=Overlap.QUEUE, end_at=at(120)).given(
        fired(60, 1, 120), ScheduleQueued(at(120), None, 1)
    )
    waiting.when(fire(120), at(500)).then(
        fired(120, 2, None, 500), ScheduleEnded(EndReason.END_DATE)
    )


def test_only_so_many_wait() -> None:
    busy = begun(overlap=Overlap.QUEUE).given(fired(60, 1, 120))
    for n in range(QUEUED_MAX):
        busy = busy.given(ScheduleQueued(at(120 + 60 * n), at(180 + 60 * n), n + 1))
    slot = 120 + 60 * QUEUED_MAX
    busy.when(put_off(slot), at(slot)).then(ScheduleSkipped(at(slot), at(slot + 60)))


def test_it_is_stopped_by_whoever_started_it_or_an_owner() -> None:
    begun().when(StopSchedule(by=CI), at(9)).then(ScheduleStopped("ci", at(9)))
    begun().when(StopSchedule(by=OWNER), at(9)).then(ScheduleStopped("olga", at(9)))
    begun().when(StopSchedule(by=STRANGER), at(9)).refused(NotYourTask)


MISSED = ScheduleMissed(at(60), at(60), 1, at(120))
every_command = pytest.mark.parametrize(
    "command", [fire(60), put_off(60), miss(MISSED)]
)


@pytest.mark.parametrize(
    "end", [ScheduleStopped("ci", at(1)), ScheduleEnded(EndReason.LIMIT)]
)
@every_command
def test_nothing_is_fired_once_it_is_over(command: Command, end: Any) -> None:
    begun().given(end).when(command, at(60)).refused(SlotTaken)
    begun().given(end).when(StopSchedule(by=CI), at(60)).refused(TaskOver, "already")


@every_command
def test_nothing_can_be_asked_of_what_never_started(command: Command) -> None:
    nothing.when(command, at(60)).refused(TaskNotFound)
    nothing.when(StopSchedule(by=CI), at(60)).refused(TaskNotFound)


def test_a_slot_becomes_always_the_same_task() -> None:
    ids = [instance_id(ID, slot) for slot in (None, at(0), at(1), at(0.000001))]
    assert len(set(ids)) == 4
    assert ids == [instance_id(ID, s) for s in (None, at(0), at(1), at(0.000001))]
