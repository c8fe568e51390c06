"""One instance for each slot: beside others, late, after an outage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any

import pytest
from msgspec.structs import replace

from domain.decider import Step
from domain.event import Actor
from domain.ids import new_id
from domain.task import lifecycle
from domain.task.commands import CompleteAttempt, StartAttempt
from domain.task.errors import SlotTaken
from domain.task.events import TaskSubmitted
from domain.task.firing import TIMER, next_steps, of_schedule, of_task, start
from domain.task.recurrence import CatchUp, Overlap, Recurrence
from domain.task.schedule import OPEN_MAX, Schedule, instance_id, schedule, stream_of
from domain.task.schedule_commands import StopSchedule
from domain.task.schedule_events import (
    ScheduleFired,
    ScheduleMissed,
    ScheduleSkipped,
    ScheduleStopped,
)
from domain.token import IssueToken, RevokeToken, token
from domain.token import stream_of as token_stream
from tests.support.builders import NOON, at
from tests.support.memory import Hands, MemoryJournal
from tests.support.task_words import CI, SUBMITTER, WORKER, order
from workers.task_schedule import SLOTS_AT_ONCE_MAX, DueSchedule, TaskSchedule

ID = new_id()


def played(scenario: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(scenario)
    def test(*arguments: Any, **named: Any) -> None:
        asyncio.run(scenario(*arguments, **named))

    return test


async def begin(
    journal: MemoryJournal, by: Actor = CI, open_instances: int = 0, **facts: Any
) -> TaskSchedule:
    """Every minute from noon on; whoever asks is told that it is due."""
    recurrence = Recurrence(every_ms=60_000, **facts)
    await journal.execute(*start(by, ID, order(), recurrence))

    async def due() -> Sequence[DueSchedule]:
        return [DueSchedule(ID, open_instances)]

    return TaskSchedule(due, journal)


async def run(journal: MemoryJournal, slot: float | None) -> None:
    """Somebody runs the instance of `slot` to its end."""
    operation_id = instance_id(ID, None if slot is None else at(slot))
    started = StartAttempt(by=WORKER, worker="w", lease_id="l")
    done = CompleteAttempt(by=WORKER, attempt=1, lease_id="l")
    await journal.execute(of_task(operation_id, started))
    await journal.execute(of_task(operation_id, done))


def state_of(journal: MemoryJournal) -> Schedule:
    state: Schedule = journal.state_of(schedule, stream_of(ID))
    return state


def told(journal: MemoryJournal, kind: type[Any]) -> list[Any]:
    return [e for e in journal.events_of(stream_of(ID)) if isinstance(e, kind)]


def fired(journal: MemoryJournal) -> list[float]:
    """The slots fired, in seconds after noon, each having become a task of its own."""
    firings: list[ScheduleFired] = told(journal, ScheduleFired)
    for firing in firings:
        stream = lifecycle.stream_of(firing.operation_id)
        [submitted] = [
            event
            for event in journal.events_of(stream)
            if isinstance(event, TaskSubmitted)
        ]
        expected = (SUBMITTER, ID, firing.slot)
        found = (submitted.submitter, submitted.schedule_id, submitted.slot)
        assert found == expected
    return [(firing.slot - NOON).total_seconds() for firing in firings]


@played
async def test_nothing_is_fired_before_its_time(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal)
    clock.turn(seconds=59.9)
    assert await worker.run_once() == 0
    clock.turn(seconds=0.1)
    assert await worker.run_once() == 1
    assert fired(journal) == [60]


@played
async def test_many_workers_fire_a_slot_once(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal, overlap=Overlap.ALLOW)
    for _ in range(3):
        clock.turn(seconds=60)
        assert sum(await asyncio.gather(*(worker.run_once() for _ in range(9)))) == 1
    assert fired(journal) == [60, 120, 180]


@played
async def test_who_saw_the_slot_before_it_was_fired_fires_nothing(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal)
    clock.turn(seconds=60)
    steps = next_steps(ID, state_of(journal), clock.at)
    await worker.run_once()
    count = len(journal.records)
    with pytest.raises(SlotTaken):
        await journal.execute(*steps)
    assert len(journal.records) == count


@played
async def test_the_first_instance_may_come_at_once(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal, immediately=True)
    assert fired(journal) == [0]
    await run(journal, None)
    clock.turn(seconds=60)
    await worker.run_once()
    assert fired(journal) == [0, 60]


@played
async def test_a_slot_beside_the_instance_before_is_skipped(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal)
    for _ in range(2):
        clock.turn(seconds=60)
        await worker.run_once()
    assert fired(journal) == [60]
    assert told(journal, ScheduleSkipped) == [ScheduleSkipped(at(120), at(180))]
    await run(journal, 60)
    clock.turn(seconds=60)
    await worker.run_once()
    assert fired(journal) == [60, 180]


@played
async def test_an_instance_whose_worker_died_for_good_is_over(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal)
    clock.turn(seconds=60)
    await worker.run_once()
    for lease in ("a", "b"):
        begun = StartAttempt(by=WORKER, worker="w", lease_id=lease)
        await journal.execute(of_task(instance_id(ID, at(60)), begun))
        clock.turn(seconds=60)
    await worker.run_once()
    assert fired(journal) == [60, 120]


@played
async def test_a_queued_slot_is_fired_when_the_instance_before_is_over(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal, overlap=Overlap.QUEUE)
    for _ in range(3):
        clock.turn(seconds=60)
        await worker.run_once()
    assert fired(journal) == [60]
    await run(journal, 60)
    await worker.run_once()
    assert fired(journal) == [60, 120]
    await run(journal, 120)
    await worker.run_once()
    assert fired(journal) == [60, 120, 180]
    assert state_of(journal).queued == ()


@played
async def test_instances_may_overlap(journal: MemoryJournal, clock: Hands) -> None:
    worker = await begin(journal, overlap=Overlap.ALLOW)
    for _ in range(3):
        clock.turn(seconds=60)
        await worker.run_once()
    assert fired(journal) == [60, 120, 180]


@played
async def test_only_so_many_instances_may_overlap(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(
        journal, CI, OPEN_MAX - 1, overlap=Overlap.ALLOW, catch_up=CatchUp.ALL
    )
    clock.turn(seconds=180)
    assert await worker.run_once() == 3
    assert fired(journal) == [60]
    assert told(journal, ScheduleSkipped) == [
        ScheduleSkipped(at(120), at(180)),
        ScheduleSkipped(at(180), at(240)),
    ]


@pytest.mark.parametrize(
    ("catch_up", "expected", "missed"),
    [(CatchUp.NONE, [600], 9), (CatchUp.LATEST, [540, 600], 8)],
)
@played
async def test_after_an_outage_slots_are_missed(
    journal: MemoryJournal,
    clock: Hands,
    catch_up: CatchUp,
    expected: list[float],
    missed: int,
) -> None:
    worker = await begin(journal, catch_up=catch_up, overlap=Overlap.ALLOW)
    clock.turn(seconds=610)
    await worker.run_once()
    assert fired(journal) == expected
    [told_so] = told(journal, ScheduleMissed)
    assert told_so.count == missed


@played
async def test_after_an_outage_all_may_be_fired(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal, catch_up=CatchUp.ALL, overlap=Overlap.ALLOW)
    clock.turn(minutes=50)
    dealt = [await worker.run_once() for _ in range(3)]
    # A few in each pass, so that other schedules have their turn meanwhile.
    assert dealt == [SLOTS_AT_ONCE_MAX, SLOTS_AT_ONCE_MAX, 50 - 2 * SLOTS_AT_ONCE_MAX]
    assert fired(journal) == [60.0 * n for n in range(1, 51)]


@played
async def test_once_stopped_nothing_is_fired(
    journal: MemoryJournal, clock: Hands
) -> None:
    worker = await begin(journal)
    await journal.execute(of_schedule(ID, StopSchedule(by=CI)))
    clock.turn(minutes=5)
    assert await worker.run_once() == 0
    assert fired(journal) == []


@pytest.mark.parametrize("is_going", [True, False])
@played
async def test_without_its_token_it_is_stopped_at_the_next_slot(
    journal: MemoryJournal, clock: Hands, *, is_going: bool
) -> None:
    stream = token_stream("t")
    issue = IssueToken(by=TIMER, name="ci", secret_sha256="")
    await journal.execute(Step(token, stream, issue))
    worker = await begin(journal, by=replace(CI, token_id="t"), immediately=is_going)
    await journal.execute(Step(token, stream, RevokeToken(by=TIMER)))
    clock.turn(seconds=60)
    await asyncio.gather(*(worker.run_once() for _ in range(3)))
    clock.turn(seconds=60)
    assert await worker.run_once() == 0
    assert told(journal, ScheduleStopped) == [ScheduleStopped(TIMER.id, at(60))]
    assert len(told(journal, ScheduleFired)) == is_going


@played
async def test_a_limit_ends_it(journal: MemoryJournal, clock: Hands) -> None:
    worker = await begin(journal, limit=2, overlap=Overlap.ALLOW)
    clock.turn(seconds=200)
    await worker.run_once()
    assert len(fired(journal)) == 2
    assert state_of(journal).is_over
    assert next_steps(ID, state_of(journal), clock.at) == []
    assert TIMER.id == "berth:task-schedule"
