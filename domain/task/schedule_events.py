"""What happens to the schedule of a recurring task.

`next_at` is the slot to come after the event, None when there is none; what was decided
stands also when the rules of a time zone change later.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.event import Event
from domain.person import ActorName
from domain.task.events import Order, Submitter
from domain.task.recurrence import Recurrence


class EndReason(StrEnum):
    LIMIT = "limit"
    END_DATE = "end_date"


class ScheduleStarted(Event, frozen=True, tag="schedule.started"):
    """A recurring task: the `order` is carried out at each slot of the `recurrence`."""

    order: Order
    recurrence: Recurrence
    submitter: Submitter
    started_at: datetime
    next_at: datetime | None


class ScheduleFired(Event, frozen=True, tag="schedule.fired"):
    """`number` counts from 1; the task `operation_id` begins in the same append.

    `waiting` is how many slots are queued after that.
    """

    slot: datetime
    operation_id: str
    number: int
    fired_at: datetime
    next_at: datetime | None
    waiting: int = 0


class ScheduleQueued(Event, frozen=True, tag="schedule.queued"):
    """The slot is fired when the instance before it is over; `waiting`, as above."""

    slot: datetime
    next_at: datetime | None
    waiting: int


class ScheduleSkipped(Event, frozen=True, tag="schedule.skipped"):
    """The instance before it went on, or too many did: the slot was passed over."""

    slot: datetime
    next_at: datetime | None


class ScheduleMissed(Event, frozen=True, tag="schedule.missed"):
    """Nobody fired these slots in time, from `first` to `last`: nobody will."""

    first: datetime
    last: datetime
    count: int
    next_at: datetime | None


class ScheduleStopped(Event, frozen=True, tag="schedule.stopped"):
    """Nothing more is fired; the instance that runs goes on."""

    stopped_by: ActorName
    stopped_at: datetime


class ScheduleEnded(Event, frozen=True, tag="schedule.ended"):
    """There is nothing left to fire."""

    reason: EndReason


ScheduleEvent = (
    ScheduleStarted
    | ScheduleFired
    | ScheduleQueued
    | ScheduleSkipped
    | ScheduleMissed
    | ScheduleStopped
    | ScheduleEnded
)
