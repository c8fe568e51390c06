"""Who looks at environments, is told credentials, or is turned away; and reviewers."""

from __future__ import annotations

from typing import Any

from domain.access import (
    AccessEvent,
    AccessRefused,
    CredentialsRead,
    EnvironmentRead,
    FrontDoorOpened,
    RecordAccess,
    access,
    stream_of,
)
from domain.decider import Step
from domain.environment.environment import Environment, environment
from domain.environment.review import (
    AssignReview,
    ExtendReview,
    TransitionReview,
    UnassignReview,
)
from domain.environment.review_events import ReviewStatus
from domain.event import Actor
from domain.review_index import ChooseEnvironment, review_index
from domain.review_index import stream_of as stream_of_index
from tests.support.history.cast import MEMBERS, OWNER, POOL, Cast, Place, asking
from tests.support.history.simulation import Process, Simulation

REFUSED = "this needs the role application"


def record(simulation: Simulation, by: Actor, event: AccessEvent) -> None:
    stream = stream_of(simulation.new_id())
    command = RecordAccess(by=asking(simulation, by), event=event)
    simulation.execute(Step(access, stream, command))


def look(simulation: Simulation, cast: Cast) -> None:
    """Somebody at something: most often only that."""
    place = simulation.chance.choice(cast.places)
    member = simulation.chance.choice(MEMBERS)
    kind = simulation.chance.choices(
        ("reads", "is told", "enters", "is refused"), (85, 4, 4, 7)
    )
    match kind[0]:
        case "reads":
            record(simulation, member, EnvironmentRead(place.id, place.repository))
        case "is told":
            told = CredentialsRead(
                place.id, place.repository, place.username, "accessToken"
            )
            record(simulation, OWNER, told)
        case "enters":
            entered = FrontDoorOpened(place.id, place.repository, place.username)
            record(simulation, OWNER, entered)
        case _:
            path = f"/sfp/api/environments/{place.id}/lock"
            refused = AccessRefused(place.id, 403, "POST", path, REFUSED)
            record(simulation, member, refused)


def looking(simulation: Simulation, cast: Cast, every_seconds: float) -> Process:
    """For ever."""
    while True:
        yield simulation.chance.expovariate(1 / every_seconds)
        look(simulation, cast)


def review(
    simulation: Simulation, cast: Cast, by: Actor, issue: str, lease_seconds: int
) -> Process:
    """An issue is given an environment of the pool, and gives it back or not."""
    by = asking(simulation, by)
    place = next(
        (
            p
            for p in cast.review_places
            if assign(simulation, p, by, issue, lease_seconds)
        ),
        None,
    )
    if place is None:
        return
    of_it: dict[str, Any] = {"by": by, "issue": issue, "pool": POOL}
    yield lease_seconds * simulation.seconds(0.3, 0.8)
    ends = ("gives it back", "keeps it", "says it is free", "forgets it")
    end = simulation.chance.choice(ends)
    operation_id = simulation.new_id()
    if end == "gives it back":
        give = UnassignReview(**of_it, operation_id=operation_id)
        simulation.attempt(Step(environment, place.id, give))
    elif end == "says it is free":
        free = TransitionReview(
            **of_it, operation_id=operation_id, status=ReviewStatus.AVAILABLE
        )
        simulation.attempt(Step(environment, place.id, free))
    elif end == "keeps it":
        keep = ExtendReview(
            **of_it, operation_id=operation_id, lease_seconds=lease_seconds
        )
        simulation.attempt(Step(environment, place.id, keep))


def assign(
    simulation: Simulation, place: Place, by: Actor, issue: str, lease_seconds: int
) -> bool:
    """Whether it is the issue's now."""
    state: Environment = simulation.state_of(environment, place.id)
    if state.review is not None and state.review.is_live:
        return False
    index = stream_of_index(place.repository, POOL, issue)
    previous = simulation.state_of(review_index, index).environment_id
    choose = ChooseEnvironment(
        by=by,
        repository=place.repository,
        pool=POOL,
        issue=issue,
        environment_id=place.id,
        previous_id=previous,
    )
    give = AssignReview(
        by=by,
        issue=issue,
        pool=POOL,
        branch=f"feature/{issue.lower()}",
        lease_seconds=lease_seconds,
        operation_id=simulation.new_id(),
    )
    steps = (Step(review_index, index, choose), Step(environment, place.id, give))
    return simulation.attempt(*steps) is not None
