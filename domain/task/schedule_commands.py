"""What may be asked of a schedule."""

from __future__ import annotations

from datetime import datetime

from domain.event import Command
from domain.task.events import Order
from domain.task.recurrence import Recurrence
from domain.task.schedule_events import ScheduleMissed


class StartSchedule(Command, frozen=True, kw_only=True):
    """`first_id` is the first instance's, if there is one at once."""

    order: Order
    recurrence: Recurrence
    first_id: str


class FireSlot(Command, frozen=True, kw_only=True):
    """Together with the submission of `operation_id`."""

    slot: datetime
    operation_id: str


class PutOffSlot(Command, frozen=True, kw_only=True):
    """The instance before it goes on: queue the slot, or skip it."""

    slot: datetime


class MissSlots(Command, frozen=True, kw_only=True):
    """Passes over those that are too late to be fired."""

    missed: ScheduleMissed


class StopSchedule(Command, frozen=True, kw_only=True):
    """What it has fired is left alone."""


ScheduleCommand = StartSchedule | FireSlot | PutOffSlot | MissSlots | StopSchedule
