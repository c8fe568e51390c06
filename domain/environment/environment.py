"""The whole environment: details, lock and review, one stream, one decider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeGuard, get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Decider, Reach, Wait
from domain.environment import assignment as assigning
from domain.environment import details as describing
from domain.environment import lock as locking
from domain.environment import queue as queueing
from domain.environment import requirement as requiring
from domain.environment import review as reviewing
from domain.environment.assignment import Assignment
from domain.environment.command import EnvironmentCommand
from domain.environment.details import (
    Details,
    DetailsCommand,
    RegisterEnvironment,
    RetireEnvironment,
    ReviseEnvironment,
)
from domain.environment.events import (
    CredentialsDisclosed,
    DetailsEvent,
    EnvironmentEvent,
    LockEvent,
)
from domain.environment.lock import AcquireLock, LockCommand, RequestLock
from domain.environment.queue import LockQueue, earliest
from domain.environment.requirement import Requirement
from domain.environment.review import AnyReviewCommand, ReviewCommand
from domain.environment.review_events import ReviewEvent, ReviewUnassigned
from domain.errors import EnvironmentInactive, EnvironmentNotFound
from domain.naming import fold

OF_THE_LOCK = frozenset(get_args(LockEvent))
AnyCommand = DetailsCommand | LockCommand | Requirement | AnyReviewCommand


class Environment(Struct, frozen=True):
    """`details` is empty before the registration and after the end.

    `review` is empty until an issue has had it.
    """

    details: Details | None = None
    queue: LockQueue = LockQueue()
    review: Assignment | None = None


def decide(
    command: AnyCommand, environment: Environment, at: datetime
) -> Sequence[EnvironmentEvent] | Wait:
    if isinstance(command, RegisterEnvironment):
        return describing.decide(command, environment.details, is_locked=False)
    details = the_one_meant(command, environment.details)
    queue = environment.queue
    if isinstance(command, ReviseEnvironment | RetireEnvironment):
        is_locked = queue.holder is not None
        decided = describing.decide(command, details, is_locked=is_locked)
        return [*decided, *given_back(command, environment.review)]
    if isinstance(command, Requirement):
        requiring.check(command, queue)
        return []
    if isinstance(command, ReviewCommand):
        is_locked = queue.holder is not None
        return reviewing.decide(
            command, environment.review, details, at, is_locked=is_locked
        )
    if isinstance(command, RequestLock) and not details.is_active:
        raise EnvironmentInactive(f"{details.name} is not active")
    decision = locking.decide(command, queue, at)
    if isinstance(command, AcquireLock) and not isinstance(decision, Wait):
        return [*decision, *disclosure(command, details, queue)]
    return decision


def disclosure(
    command: AcquireLock, details: Details, queue: LockQueue
) -> Sequence[EnvironmentEvent]:
    """Credentials leave only once it is on record that they will."""
    username = details.salesforce_username
    if not command.disclose or username is None:
        return []
    return [CredentialsDisclosed(command.ticket_id, queue.fence, username)]


def given_back(
    command: ReviseEnvironment | RetireEnvironment, review: Assignment | None
) -> Sequence[ReviewEvent]:
    """No issue keeps an environment that is taken out of use."""
    if review is None or not review.is_live or isinstance(command, RetireEnvironment):
        return []  # What is retired has nothing left to give back.
    if command.revised.is_active is not False:
        return []
    return [ReviewUnassigned(review.issue, None, command.by.id)]


def the_one_meant(command: EnvironmentCommand, details: Details | None) -> Details:
    """The environment's details; `EnvironmentNotFound` if the caller means another."""
    if details is None:
        raise EnvironmentNotFound("no such environment")
    check_is_meant(details, command.repository, command.name)
    return details


def check_is_meant(details: Details, repository: str | None, name: str | None) -> None:
    """`EnvironmentNotFound` if the caller believes something else of it."""
    if name is not None and fold(name) != fold(details.name):
        raise EnvironmentNotFound("no environment of that name here")
    asked = repository and fold(repository)
    full = fold(details.repository)
    if asked and asked not in (full, full.rpartition("/")[2]):
        raise EnvironmentNotFound("no such environment in that repository")


def evolve(environment: Environment, event: EnvironmentEvent) -> Environment:
    if is_of_the_lock(event):
        queue = queueing.evolve(environment.queue, event)
        return Environment(environment.details, queue, environment.review)
    if isinstance(event, ReviewEvent):
        review = assigning.evolve(environment.review, event)
        return Environment(environment.details, environment.queue, review)
    assert isinstance(event, DetailsEvent)
    details = describing.evolve(environment.details, event)
    window = (
        details.claim_window_seconds
        if details
        else environment.queue.claim_window_seconds
    )
    queue = replace(environment.queue, claim_window_seconds=window)
    return Environment(details, queue, environment.review if details else None)


def is_of_the_lock(event: EnvironmentEvent) -> TypeGuard[LockEvent]:
    """Nearly all are, and this costs a third of `isinstance`."""
    return type(event) in OF_THE_LOCK


def lapse(environment: Environment, at: datetime) -> Sequence[EnvironmentEvent]:
    lapsed = locking.lapse(environment.queue, at)
    review = environment.review
    return lapsed if review is None else [*lapsed, *assigning.lapse(review, at)]


def due(environment: Environment) -> datetime | None:
    """The next instant at which time alone changes something."""
    first = queueing.due(environment.queue)
    review = environment.review
    return first if review is None else earliest(first, assigning.due(review))


def wakes(event: EnvironmentEvent) -> str | None:
    return queueing.wakes(event) if isinstance(event, LockEvent) else None


def belongs_to(command: AnyCommand, environment: Environment) -> str | Reach:
    if isinstance(command, RegisterEnvironment):
        return command.registered.repository
    if environment.details is None:
        return Reach.EVERYBODY  # Where nothing is, nothing happens.
    return environment.details.repository


environment = Decider(
    initial=Environment(),
    decide=decide,
    evolve=evolve,
    lapse=lapse,
    due=due,
    wakes=wakes,
    belongs_to=belongs_to,
    revision=2,
)
