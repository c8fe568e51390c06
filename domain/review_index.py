"""Which environment an issue was given last in a pool, so that it never gets two.

Two fetches of one issue, racing for two environments, both say which one it had before
them; the second of them is wrong by then, and has to look again. That the issue does
not have that one any more is the environment's own to say, in the same append.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from domain.decider import Decider
from domain.errors import ReviewMoved
from domain.event import Command, Event
from domain.naming import fold


class ReviewEnvironmentChosen(Event, frozen=True, tag="review.environment_chosen"):
    """The issue's environment in that pool from now on, in place of the one before."""

    repository: str
    pool: str
    issue: str
    environment_id: str
    previous_id: str | None


class ChooseEnvironment(Command, frozen=True, kw_only=True):
    repository: str
    pool: str
    issue: str
    environment_id: str
    previous_id: str | None


class Place(Struct, frozen=True):
    environment_id: str | None = None


def stream_of(repository: str, pool: str, issue: str) -> str:
    """Names may be longer together than a stream's key, and may contain anything."""
    key = f"{fold(repository)}\0{pool}\0{fold(issue)}".encode()
    return f"reviews/{sha256(key).hexdigest()}"


def decide(
    command: ChooseEnvironment, place: Place, _: datetime
) -> Sequence[ReviewEnvironmentChosen]:
    """`ReviewMoved` if the issue was given another one meanwhile."""
    if command.previous_id != place.environment_id:
        raise ReviewMoved(f"{command.issue} was given another environment meanwhile")
    if command.environment_id == place.environment_id:
        return []  # The one it had before: nothing to append.
    return [
        ReviewEnvironmentChosen(
            repository=command.repository,
            pool=command.pool,
            issue=command.issue,
            environment_id=command.environment_id,
            previous_id=command.previous_id,
        )
    ]


def evolve(_: Place, event: ReviewEnvironmentChosen) -> Place:
    return Place(event.environment_id)


review_index = Decider(
    initial=Place(),
    decide=decide,
    evolve=evolve,
    belongs_to=lambda command, _: command.repository,
)
