"""Fires recurring tasks: one instance for each slot, however many workers run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from domain.decider import Journal, Look, Outcome, Step
from domain.errors import Unauthenticated
from domain.task.errors import InstanceGoing, InstanceOver, SlotTaken, TaskOver
from domain.task.firing import TIMER, next_steps, of_schedule, stop
from domain.task.recurrence import Overlap
from domain.task.schedule import OPEN_MAX, Schedule
from domain.task.schedule_commands import FireSlot, PutOffSlot

EVERY_SECONDS = 0.1
SLOTS_AT_ONCE_MAX = 20  # Of each: one that catches up must not delay the others.


def is_full(schedule: Schedule, open_instances: int) -> bool:
    """Whether there is no end to those that may overlap."""
    may_overlap = schedule.recurrence.overlap is Overlap.ALLOW
    return may_overlap and open_instances >= OPEN_MAX


def passed_over(schedule_id: str, steps: Sequence[Step]) -> Sequence[Step]:
    """`steps`, but whatever slot they would fire is skipped, on record."""
    for step in steps:
        if isinstance(step.command, FireSlot):
            skip = PutOffSlot(by=TIMER, slot=step.command.slot)
            return [of_schedule(schedule_id, skip)]
    return steps


class DueSchedule(NamedTuple):
    """`open_instances` are not over yet; the count may be behind."""

    id: str
    open_instances: int = 0


@dataclass(frozen=True)
class TaskSchedule:
    """It only nudges: which slot is whose turn is decided on the schedule's stream."""

    due_schedules: Callable[[], Awaitable[Sequence[DueSchedule]]]
    journal: Journal

    async def run_once(self) -> int:
        """Deal with all that is due, schedules side by side; return how many slots."""
        due = await self.due_schedules()
        return sum(await asyncio.gather(*map(self.catch_up, due)))

    async def catch_up(self, due: DueSchedule) -> int:
        """Deal with its slots in order, up to so many at a time."""
        schedule_id, dealt, is_busy = due.id, 0, False
        while dealt < SLOTS_AT_ONCE_MAX:
            seen = await self.look(schedule_id)
            schedule: Schedule = seen.states[0]
            steps = next_steps(schedule_id, schedule, seen.at, is_busy=is_busy)
            if is_full(schedule, due.open_instances + dealt):
                steps = passed_over(schedule_id, steps)
            if not steps:
                break
            is_busy = False
            try:
                await self.journal.execute(*steps)
            except InstanceGoing:
                is_busy = True
            except (InstanceOver, SlotTaken):
                continue  # Things have changed since the look.
            except Unauthenticated:
                await self.stop(schedule_id)
                break
            else:
                dealt += 1
        return dealt

    async def stop(self, schedule_id: str) -> None:
        """Its token is good no more, and never will be again."""
        with suppress(TaskOver):
            await self.journal.execute(stop(schedule_id))

    async def look(self, schedule_id: str) -> Outcome:
        return await self.journal.execute(of_schedule(schedule_id, Look(by=TIMER)))
