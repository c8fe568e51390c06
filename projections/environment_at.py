"""An environment as the listing would have shown it at an instant that is past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.environment.environment import environment
from domain.environment.events import (
    EnvironmentEvent,
    EnvironmentRegistered,
    EnvironmentRevised,
)
from domain.project import project
from domain.project_events import ProjectEvent
from domain.record import Recorded
from projections.environment_listing import Listed


def listed_at(
    environment_id: str,
    past: Iterable[Recorded],
    of_its_project: Iterable[Recorded],
    at: datetime,
) -> Listed | None:
    """By the events of its stream and of its repository's; None if it was not there.

    The live answer's own rules: those of the deciders, and what time alone has done.
    """
    state, created, updated = environment.initial, None, None
    for record in past:
        event, origin = record.event, record.origin
        if origin.at > at or not isinstance(event, EnvironmentEvent):
            continue
        state = environment.evolve(state, event)
        if isinstance(event, EnvironmentRegistered):
            created = updated = origin
        elif isinstance(event, EnvironmentRevised):
            updated = origin
    state = environment.fold(environment.lapse(state, at), state)
    if state.details is None or created is None or updated is None:
        return None
    repository = project.fold(_events_before(of_its_project, at))
    order = repository.orders.get(state.details.category, ())
    return Listed(
        id=environment_id,
        environment=state,
        is_default=environment_id in repository.defaults.values(),
        orchestration_order=(
            order.index(environment_id) + 1 if environment_id in order else None
        ),
        created_at=created.at,
        created_by=created.by,
        updated_at=updated.at,
        updated_by=updated.by,
        at=at,
    )


def _events_before(records: Iterable[Recorded], at: datetime) -> list[ProjectEvent]:
    return [
        record.event
        for record in records
        if record.origin.at <= at and isinstance(record.event, ProjectEvent)
    ]
