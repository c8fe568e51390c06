"""An environment as its records tell it: what the rules know, and who made it so."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.environment.environment import Environment, environment
from domain.environment.events import (
    EnvironmentEvent,
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.fold import Fold
from domain.record import Recorded


class Chronicle(Struct, frozen=True):
    """Tickets that are over are forgotten, and everything once it was retired.

    `created` and `updated` are empty before the registration.
    """

    environment: Environment = Environment()
    created_at: datetime | None = None
    created_by: str = ""
    updated_at: datetime | None = None
    updated_by: str = ""


def follow(chronicle: Chronicle, record: Recorded) -> Chronicle:
    """Deleted, it is as before the beginning. Tickets that ended are not remembered."""
    event, origin = record.event, record.origin
    assert isinstance(event, get_args(EnvironmentEvent))
    state = environment.evolve(chronicle.environment, event)
    if state.queue.ended:
        state = replace(state, queue=replace(state.queue, ended={}))
    if isinstance(event, EnvironmentRetired):
        return Chronicle(Environment())
    if isinstance(event, EnvironmentRegistered):
        return Chronicle(state, origin.at, origin.by, origin.at, origin.by)
    if isinstance(event, EnvironmentRevised):
        return replace(
            chronicle, environment=state, updated_at=origin.at, updated_by=origin.by
        )
    return replace(chronicle, environment=state)


chronicle = Fold(
    initial=Chronicle(), follow=follow, revision=f"{environment.revision}.1"
)
