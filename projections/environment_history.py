"""The environment history: who had which name when, and what is told of it elsewhere.

What an environment's own stream has is read from there; this view knows the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import get_args

from msgspec import UNSET

from domain.access import AccessEvent
from domain.catalog import tag
from domain.environment.events import (
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.event import Event
from domain.naming import fold
from domain.project_events import DefaultChosen, EnvironmentsOrdered
from domain.record import Recorded
from domain.release import ReleaseEvent
from domain.review_index import ReviewEnvironmentChosen
from projections.queries import load
from projections.view import Row, View, Write

sql = load("environment_history")

NamingEvent = EnvironmentRegistered | EnvironmentRevised | EnvironmentRetired
OneElsewhere = AccessEvent | ReleaseEvent | ReviewEnvironmentChosen
Elsewhere = OneElsewhere | DefaultChosen | EnvironmentsOrdered


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    """Names change rarely: each change is one write, in order."""
    elsewhere: list[Row] = []
    for record in records:
        if isinstance(record.event, NamingEvent):
            yield from naming(record, record.event)
            continue
        row = {"position": record.position, "topic": tag(type(record.event))}
        elsewhere += [
            row | {"environment_id": named} for named in {*named_in(record.event)}
        ]
    yield sql["add_elsewhere"], elsewhere


def naming(record: Recorded, event: NamingEvent) -> Iterator[Write]:
    stream, position = record.originator_id, record.position
    match event:
        case EnvironmentRegistered(repository=repository, name=name):
            row = {"since": position, "environment_id": stream, "name": name}
            row |= {"repository": repository, "project": fold(repository)}
            yield sql["begin_names"], [row | {"name_key": fold(name)}]
        case EnvironmentRevised(name=name) if name is not UNSET:
            row = {"since": position, "environment_id": stream, "name": name}
            yield sql["change_names"], [row | {"name_key": fold(str(name))}]
        case EnvironmentRetired():
            row = {"environment_id": stream, "until": position}
            yield sql["end_names"], [row]
        case _:
            pass  # It has the same name as before.


def named_in(event: Event) -> Collection[str | None]:
    """The environments that an event of another stream is about; None is not kept."""
    if isinstance(event, OneElsewhere):
        return [event.environment_id]
    if isinstance(event, DefaultChosen):
        return [id_ for id_ in (event.environment_id, event.previous_id) if id_]
    if isinstance(event, EnvironmentsOrdered):
        return [*event.environment_ids, *event.left_out]
    return []  # Not every event shows in this view.


environment_history = View(
    "environment_history",
    ("environment_name", "environment_elsewhere"),
    project,
    [*get_args(NamingEvent), *get_args(Elsewhere)],
)
