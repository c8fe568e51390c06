"""At most so many tasks at once that share a key: a stream for each key.

A slot is taken in the same append as an attempt starts, kept up with its lease, and
given back in the same append as it ends. It is over when the lease is: a worker that
fell silent blocks nobody for longer than its task.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

from msgspec import Struct

from domain.decider import Decider, Reach
from domain.event import Command, Event
from domain.task.errors import KeyBusy
from domain.task.events import Order


class TaskSlotTaken(Event, frozen=True, tag="task_key.slot_taken"):
    """Once more, with a later `until`, while the task goes on."""

    operation_id: str
    until: datetime


class TaskSlotGivenBack(Event, frozen=True, tag="task_key.slot_given_back"):
    """The task is over: another of its key may run."""

    operation_id: str


class TaskSlotLapsed(Event, frozen=True, tag="task_key.slot_lapsed"):
    """Nobody kept it up."""

    operation_id: str


TaskKeyEvent = TaskSlotTaken | TaskSlotGivenBack | TaskSlotLapsed


class TakeSlot(Command, frozen=True, kw_only=True):
    """For as long as a task's lease; again: for as long from now."""

    operation_id: str
    at_most: int
    lock_duration_ms: int


class GiveSlotBack(Command, frozen=True, kw_only=True):
    operation_id: str


TaskKeyCommand = TakeSlot | GiveSlotBack


class TaskKey(Struct, frozen=True):
    """Who has a slot, each until when."""

    taken: dict[str, datetime] = {}


def stream_of(task_type: str, key: str) -> str:
    """Of its digest: a key may be anything, and may be confidential."""
    name = f"{task_type}\x00{key}"
    return f"task-keys/{sha256(name.encode()).hexdigest()}"


def slot_for(order: Order) -> str | None:
    """The stream that an attempt at `order` needs a slot of, if it needs one."""
    if order.concurrency_key is None:
        return None
    return stream_of(order.task_type, order.concurrency_key)


def decide(
    command: TaskKeyCommand, key: TaskKey, at: datetime
) -> Sequence[TaskKeyEvent]:
    """`KeyBusy` if as many run as may; a slot that is held is taken for longer."""
    operation_id = command.operation_id
    match command:
        case TakeSlot():
            if operation_id not in key.taken and len(key.taken) >= command.at_most:
                raise KeyBusy(f"{command.at_most} of this concurrency key are running")
            until = at + timedelta(milliseconds=command.lock_duration_ms)
            return [TaskSlotTaken(operation_id, until)]
        case GiveSlotBack():
            has_one = operation_id in key.taken
            return [TaskSlotGivenBack(operation_id)] if has_one else []
        case _:
            assert_never(command)


def evolve(key: TaskKey, event: TaskKeyEvent) -> TaskKey:
    others = {id_: t for id_, t in key.taken.items() if id_ != event.operation_id}
    match event:
        case TaskSlotTaken():
            return TaskKey(others | {event.operation_id: event.until})
        case TaskSlotGivenBack() | TaskSlotLapsed():
            return TaskKey(others)
        case _:
            assert_never(event)


def lapse(key: TaskKey, at: datetime) -> Sequence[TaskKeyEvent]:
    return [TaskSlotLapsed(id_) for id_, until in key.taken.items() if until <= at]


def due(key: TaskKey) -> datetime | None:
    """When the first slot lapses."""
    return min(key.taken.values(), default=None)


def wakes(event: TaskKeyEvent) -> str | None:
    match event:
        case TaskSlotGivenBack() | TaskSlotLapsed():
            return "free"  # Nobody waits for it, but workers who found it busy hear.
        case TaskSlotTaken():
            return None
        case _:
            assert_never(event)


def belongs_to(_: TaskKeyCommand, __: TaskKey) -> Reach:
    """Only together with an attempt, whose task says whose it is."""
    return Reach.EVERYBODY


concurrency = Decider(
    initial=TaskKey(),
    decide=decide,
    evolve=evolve,
    lapse=lapse,
    due=due,
    wakes=wakes,
    belongs_to=belongs_to,
)
