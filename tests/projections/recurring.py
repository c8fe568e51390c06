"""What happens to some recurring tasks, for the views to tell."""

from __future__ import annotations

from collections.abc import Sequence

from domain.event import Event
from domain.task.recurrence import Recurrence
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
from tests.support.builders import at
from tests.support.task_words import SUBMITTER, cancelled, completed, failed, order


def begun(seconds: float) -> ScheduleStarted:
    recurrence = Recurrence(every_ms=60_000, start_at=at(0), end_at=at(86_400))
    return ScheduleStarted(
        order(repository="Acme/Shop"), recurrence, SUBMITTER, at(0), at(seconds)
    )


def fired(slot: float, number: int, waiting: int = 0) -> ScheduleFired:
    soon = at(slot + 60)
    return ScheduleFired(at(slot), f"i{slot:g}", number, at(slot), soon, waiting)


RECURRING: Sequence[tuple[str, Event]] = [
    ("schedules/s", begun(60)),
    ("schedules/t", begun(0)),
    ("schedules/t", fired(0, 1)),
    ("tasks/i0", completed(1)),
    ("schedules/s", fired(60, 1)),
    ("schedules/s", ScheduleSkipped(at(120), at(180))),
    ("schedules/s", ScheduleMissed(at(180), at(240), 2, at(300))),
    ("schedules/s", ScheduleQueued(at(300), at(360), 1)),
    ("tasks/i60", failed(1)),
    ("tasks/nobody knows", cancelled(1)),
    ("schedules/s", fired(300, 2)),
    ("schedules/t", ScheduleStopped("ci", at(400))),
    ("schedules/u", begun(0)),
    ("schedules/u", ScheduleEnded(EndReason.LIMIT)),
]
