"""The examples of what happens to schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.task.recurrence import CatchUp, Overlap, Recurrence
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
from tests.golden.tasks import HALF_PAST, ORDER, SUBMITTER

INSTANCE = "4d5e6f7a-8b9c-4d0e-9f1a-2b3c4d5e6f08"

SCHEDULES: Sequence[ScheduleEvent] = [
    ScheduleStarted(
        order=ORDER,
        recurrence=Recurrence(
            pattern="30 2 * * MON-FRI",
            every_ms=None,
            tz="Europe/Berlin",
            start_at=HALF_PAST,
            end_at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
            limit=10,
            immediately=True,
            overlap=Overlap.QUEUE,
            catch_up=CatchUp.ALL,
        ),
        submitter=SUBMITTER,
        started_at=HALF_PAST,
        next_at=HALF_PAST,
    ),
    ScheduleFired(
        slot=HALF_PAST,
        operation_id=INSTANCE,
        number=2,
        fired_at=HALF_PAST,
        next_at=HALF_PAST,
        waiting=3,
    ),
    ScheduleQueued(slot=HALF_PAST, next_at=HALF_PAST, waiting=3),
    ScheduleSkipped(slot=HALF_PAST, next_at=HALF_PAST),
    ScheduleMissed(first=HALF_PAST, last=HALF_PAST, count=1, next_at=HALF_PAST),
    ScheduleStopped(stopped_by="olga", stopped_at=HALF_PAST),
    ScheduleEnded(reason=EndReason.LIMIT),
]
