"""What pipelines do with a lock: deploy under it, and all that may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from domain.decider import Step
from domain.environment.environment import Environment, environment
from domain.environment.lock import (
    AcquireLock,
    ReleaseLock,
    RenewLock,
    RequestLock,
)
from domain.environment.queue import holds
from domain.environment.requirement import RequireHold
from domain.event import Actor
from domain.once import CarryOut, once
from domain.once import stream_of as stream_of_request
from domain.release import PublishRelease, release, stream_of
from tests.support.history.cast import OWNER, Place, asking
from tests.support.history.simulation import Process, Simulation, Waiting

DOMAINS = ("core", "billing", "portal")
PERMISSION_WAIT_SECONDS = 4 * 3_600


class Manners(Struct, frozen=True):
    """How often, of all deployments, something is out of the ordinary."""

    never_comes: float = 0.02
    never_leaves: float = 0.02
    gives_up: float = 0.03
    is_impatient: float = 0.02
    is_forced: float = 0.01
    takes_long: float = 0.15
    is_sent_again: float = 0.2


def ticket_of(simulation: Simulation) -> str:
    return f"ticket_{simulation.new_id()}"


def version_of(simulation: Simulation) -> str:
    chance = simulation.chance
    return f"v{chance.randrange(1, 4)}.{chance.randrange(40)}.{chance.randrange(10)}"


def deployment(
    simulation: Simulation,
    place: Place,
    by: Actor,
    work_seconds: float,
    manners: Manners,
) -> Process:
    """Ask, wait for the turn, deploy, publish, give back."""
    by = asking(simulation, by)
    version, ticket_id = version_of(simulation), ticket_of(simulation)
    lease = max(60, int(work_seconds * 2) // 60 * 60)
    patience = 240 if simulation.is_so(manners.is_impatient) else 604_800
    request = RequestLock(
        by=by,
        ticket_id=ticket_id,
        reason=f"Deploy {version} to {place.name}",
        lease_seconds=lease,
        max_wait_seconds=patience,
    )
    steps = [Step(environment, place.id, request)]
    if simulation.is_so(manners.is_sent_again):  # It came with an Idempotency-Key.
        stream = stream_of_request(simulation.new_id())
        steps.append(Step(once, stream, CarryOut(by=by, part=0)))
    if simulation.attempt(*steps) is None:
        return
    yield simulation.seconds(0.05, 2)
    if simulation.is_so(manners.never_comes):
        return
    if simulation.is_so(manners.gives_up):
        yield simulation.seconds(10, 300)
        give_back(simulation, place, by, ticket_id)
        return
    acquire = AcquireLock(by=by, ticket_id=ticket_id, disclose=True)
    waited = yield Waiting(
        Step(environment, place.id, acquire), PERMISSION_WAIT_SECONDS
    )
    if waited is None:
        give_back(simulation, place, by, ticket_id)
        return
    if simulation.is_so(manners.is_forced):
        owner = asking(simulation, OWNER)
        simulation.later(
            simulation.seconds(work_seconds / 2, work_seconds),
            partial(give_back, simulation, place, owner, ticket_id),
        )
    yield from working(simulation, place, by, ticket_id, work_seconds, manners)
    if simulation.is_so(manners.never_leaves):
        return
    for domain in DOMAINS[: simulation.chance.randrange(1, len(DOMAINS) + 1)]:
        publish(simulation, place, by, ticket_id, domain, version)
        yield simulation.seconds(0.2, 3)
    give_back(simulation, place, by, ticket_id)


def working(
    simulation: Simulation,
    place: Place,
    by: Actor,
    ticket_id: str,
    work_seconds: float,
    manners: Manners,
) -> Process:
    """Sometimes longer than thought, and then most often renewing in time."""
    yield work_seconds
    if simulation.is_so(manners.takes_long):
        renew = RenewLock(by=by, ticket_id=ticket_id)
        simulation.attempt(Step(environment, place.id, renew))
        yield work_seconds


def give_back(simulation: Simulation, place: Place, by: Actor, ticket_id: str) -> None:
    command = ReleaseLock(by=by, ticket_id=ticket_id)
    simulation.attempt(Step(environment, place.id, command))


def publish(
    simulation: Simulation,
    place: Place,
    by: Actor,
    ticket_id: str,
    domain: str,
    version: str,
) -> None:
    """Under the lock, if it is still held."""
    state: Environment = simulation.state_of(environment, place.id)
    ticket = state.queue.tickets.get(ticket_id)
    if ticket is None or not holds(by, ticket, simulation.at):
        return
    command = PublishRelease(
        by=by,
        release_id=simulation.new_id(),
        environment_id=place.id,
        repository=place.repository,
        target_org=place.name,
        name=version,
        domain=domain,
        metadata={"commit": f"{simulation.chance.getrandbits(28):07x}"},
        ticket_id=ticket_id,
        fence=ticket.fence,
    )
    hold = RequireHold(by=by, ticket_id=ticket_id, fence=ticket.fence)
    simulation.attempt(
        Step(environment, place.id, hold),
        Step(release, stream_of(place.id, domain, version), command),
    )


def crowd(
    simulation: Simulation, place: Place, pipelines: Iterator[Actor], number: int
) -> Process:
    """All of them want the same environment within moments."""
    for _ in range(number):
        seconds = simulation.seconds(30, 240)
        simulation.begin(
            deployment(simulation, place, next(pipelines), seconds, Manners())
        )
        yield simulation.seconds(0.1, 20)
