"""What recurring tasks leave behind: slots that are fired, queued, skipped, missed."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from domain.decider import Outcome
from domain.event import Actor
from domain.task.commands import (
    CompleteAttempt,
    ExtendLease,
    StartAttempt,
)
from domain.task.events import Order
from domain.task.firing import next_steps, of_schedule, of_task, start
from domain.task.lifecycle import lifecycle, stream_of
from domain.task.recurrence import Recurrence
from domain.task.schedule import Schedule, schedule, turn_of
from domain.task.schedule import stream_of as stream_of_schedule
from domain.task.schedule_commands import StopSchedule
from domain.task.task import Task
from tests.support.history.cast import asking
from tests.support.history.simulation import Process, Simulation
from tests.support.history.work import WORKER

HEARTBEAT_SECONDS = 120.0
LOOK_EVERY_SECONDS = 60.0


class Outage(Struct, frozen=True):
    """While nobody looks after schedules."""

    begin: datetime
    end: datetime


def recurring(
    simulation: Simulation,
    by: Actor,
    order: Order,
    recurrence: Recurrence,
    instance_seconds: float,
    outage: Outage | None = None,
) -> Process:
    """One schedule until it is over; each of its instances takes so many seconds."""
    schedule_id = simulation.new_id()
    simulation.execute(*start(asking(simulation, by), schedule_id, order, recurrence))
    if (first := seen(simulation, schedule_id).latest_id) is not None:
        simulation.begin(instance(simulation, first, instance_seconds))
    while not (found := seen(simulation, schedule_id)).is_over:
        yield until_turn(simulation, found)
        if outage and outage.begin <= simulation.at < outage.end:
            yield (outage.end - simulation.at).total_seconds()
        before = found.executions
        deal(simulation, schedule_id)
        found = seen(simulation, schedule_id)
        if found.executions > before and found.latest_id is not None:
            simulation.begin(instance(simulation, found.latest_id, instance_seconds))


def stop(simulation: Simulation, by: Actor, schedule_stream: str) -> Outcome | None:
    """Nothing more is to be fired of it."""
    schedule_id = schedule_stream.partition("/")[2]
    command = StopSchedule(by=asking(simulation, by))
    return simulation.attempt(of_schedule(schedule_id, command))


def seen(simulation: Simulation, schedule_id: str) -> Schedule:
    found: Schedule = simulation.state_of(schedule, stream_of_schedule(schedule_id))
    return found


def until_turn(simulation: Simulation, found: Schedule) -> float:
    """Seconds; a slot in the queue is looked at again and again."""
    turn = turn_of(found)
    late = simulation.seconds(0.02, 0.15)
    if turn is None or turn <= simulation.at:
        return LOOK_EVERY_SECONDS + late
    return (turn - simulation.at).total_seconds() + late


def deal(simulation: Simulation, schedule_id: str) -> None:
    """As a worker does: with whatever is due, one thing after the other."""
    while True:
        found, at = seen(simulation, schedule_id), simulation.at
        steps = next_steps(schedule_id, found, at)
        if steps and simulation.attempt(*steps) is None:
            steps = next_steps(schedule_id, found, at, is_busy=True)
            if not steps or simulation.attempt(*steps) is None:
                return
        if not steps:
            return


def instance(simulation: Simulation, operation_id: str, seconds: float) -> Process:
    """It is started, kept up, and completed."""
    yield simulation.seconds(0.01, 0.3)
    lease_id = simulation.new_id()
    begin = StartAttempt(by=WORKER, worker="worker-1", lease_id=lease_id)
    if simulation.attempt(of_task(operation_id, begin)) is None:
        return
    found: Task = simulation.state_of(lifecycle, stream_of(operation_id))
    number = found.attempt
    while seconds > HEARTBEAT_SECONDS:
        yield HEARTBEAT_SECONDS
        seconds -= HEARTBEAT_SECONDS
        extend = ExtendLease(by=WORKER, attempt=number, lease_id=lease_id)
        simulation.attempt(of_task(operation_id, extend))
    yield seconds
    end = CompleteAttempt(by=WORKER, attempt=number, lease_id=lease_id, result="done")
    simulation.attempt(of_task(operation_id, end))
