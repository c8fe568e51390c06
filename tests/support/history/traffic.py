"""A whole history: an installation, and all that goes on in it for some time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from msgspec import Struct

from domain.decider import Decider
from domain.event import Actor
from domain.record import Recorded
from domain.task.recurrence import CatchUp, Overlap, Recurrence
from domain.task.schedule import Schedule, schedule
from tests.support.history import owners, pipelines, recurring, visitors, work
from tests.support.history.cast import Cast, Place, settle
from tests.support.history.recurring import Outage
from tests.support.history.simulation import Process, Simulation

DAY_SECONDS = 86_400
WORKING_DAYS = range(5)
WORKING_HOURS = range(7, 19)
AT_NIGHT = 0.15
# The concurrency key, and whether a worker in another language takes them.
KINDS_OF_TASKS = ((None, False), (None, True), ("pool", False), ("pool", False))


class Load(Struct, frozen=True):
    """How much goes on; the numbers are of a working day's busiest hours, per day.

    `deployments` are of each environment, and take `work_seconds` at least and at most.
    `crowd` is how many pipelines want one environment at once, every day, for the first
    time after `crowd_after`.
    """

    environments: int = 20
    deployments: int = 60
    tasks: int = 300
    looks: int = 2_500
    reviews: int = 12
    crowd: int = 40
    crowd_after: timedelta = timedelta(hours=9, minutes=30)
    work_seconds: tuple[float, float] = (60, 900)
    manners: pipelines.Manners = pipelines.Manners()


class History(Struct, frozen=True):
    """The records in order; of each stream, the decider whose events it holds."""

    records: Sequence[Recorded]
    deciders: Mapping[str, Decider[Any, Any, Any]]


def history(seed: int, begin: datetime, until: datetime, load: Load) -> History:
    """What is on record of all that came to pass between `begin` and `until`."""
    with Simulation(seed, begin) as simulation:
        cast = settle(simulation, load.environments)
        _set_off(simulation, cast, load, until)
        simulation.run(until)
        return History(simulation.records, simulation.decider_of)


def _set_off(simulation: Simulation, cast: Cast, load: Load, until: datetime) -> None:
    """Everything that goes on, side by side."""
    turns = _by_turns(cast.pipelines)
    span = until - simulation.at

    def deploy(place: Place) -> Process:
        seconds = simulation.seconds(*load.work_seconds)
        by = next(turns)
        return pipelines.deployment(simulation, place, by, seconds, load.manners)

    for place in cast.places:
        one = partial(deploy, place)
        simulation.begin(arrivals(simulation, load.deployments, one))
    simulation.begin(crowds(simulation, cast, turns, load))
    simulation.begin(visitors.looking(simulation, cast, DAY_SECONDS / load.looks))
    simulation.begin(arrivals(simulation, load.tasks, lambda: _task(simulation, cast)))
    issues = count(101)
    simulation.begin(
        arrivals(
            simulation, load.reviews, lambda: _review(simulation, cast, next(issues))
        )
    )
    step = span / 24
    simulation.begin(owners.housekeeping(simulation, cast, step))
    simulation.begin(owners.a_webhook(simulation, cast, step.total_seconds()))
    _schedules(simulation, cast, span)


def arrivals(simulation: Simulation, a_day: int, one: Callable[[], Process]) -> Process:
    """So many a day in busy hours, and fewer at night and at weekends."""
    while True:
        yield simulation.chance.expovariate(a_day / DAY_SECONDS)
        if simulation.is_so(busyness(simulation.at)):
            simulation.begin(one())


def busyness(at: datetime) -> float:
    is_busy = at.weekday() in WORKING_DAYS and at.hour in WORKING_HOURS
    return 1 if is_busy else AT_NIGHT


def crowds(
    simulation: Simulation, cast: Cast, turns: Iterator[Actor], load: Load
) -> Process:
    """Every day, all want to go to the last environment at once."""
    yield load.crowd_after.total_seconds()
    while True:
        yield from pipelines.crowd(simulation, cast.places[-1], turns, load.crowd)
        yield DAY_SECONDS


def _by_turns(actors: Sequence[Actor]) -> Iterator[Actor]:
    while True:
        yield from actors


def _task(simulation: Simulation, cast: Cast) -> Process:
    repository = simulation.chance.choice(cast.repositories)
    key, is_elsewhere = simulation.chance.choice(KINDS_OF_TASKS)
    order = work.order_of(simulation, repository, key=key, is_elsewhere=is_elsewhere)
    return work.task(simulation, simulation.chance.choice(cast.pipelines), order)


def _review(simulation: Simulation, cast: Cast, number: int) -> Process:
    """Some issues come back."""
    issue = f"ISSUE-{number - number % 3}"
    lease = simulation.chance.choice((1_800, 3_600, 7_200))
    return visitors.review(simulation, cast, cast.pipelines[0], issue, lease)


def _schedules(simulation: Simulation, cast: Cast, span: timedelta) -> None:
    """One for each thing that can become of a slot."""
    outage = Outage(simulation.at + span / 4, simulation.at + span / 4 + span / 40)
    every = int(max(span / 120, timedelta(minutes=6)).total_seconds() * 1_000)
    slow, fast = every / 1_000 * 2.5, 20.0
    plans: list[tuple[Recurrence, float]] = [
        (Recurrence(every_ms=every, catch_up=CatchUp.NONE, immediately=True), fast),
        (Recurrence(every_ms=every, overlap=Overlap.SKIP), slow),
        (Recurrence(every_ms=every, overlap=Overlap.QUEUE, limit=6), slow),
        (Recurrence(pattern="*/30 * * * *", tz="Europe/Berlin"), fast),
    ]
    for recurrence, seconds in plans:
        order = work.order_of(simulation, cast.repositories[0])
        simulation.begin(
            recurring.recurring(
                simulation, cast.pipelines[0], order, recurrence, seconds, outage
            )
        )
    simulation.begin(_stopping_one(simulation, cast, span))


def _stopping_one(simulation: Simulation, cast: Cast, span: timedelta) -> Process:
    """The last of the schedules that go on is stopped at two thirds of the time."""
    yield (span * 2 / 3).total_seconds()
    going = [
        stream
        for stream, decider in simulation.decider_of.items()
        if decider is schedule and not _state(simulation, stream).is_over
    ]
    recurring.stop(simulation, cast.pipelines[0], going[-1])


def _state(simulation: Simulation, stream: str) -> Schedule:
    found: Schedule = simulation.state_of(schedule, stream)
    return found
