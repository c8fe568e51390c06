"""The environment history: who had which name when, and what is told of it elsewhere.

What an environment's own stream has is read from there; this view knows the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, get_args

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
    names, elsewhere = Names(), list[Row]()
    for record in records:
        if isinstance(record.event, NamingEvent):
            names.see(record.originator_id, record.position, record.event)
            continue
        row = {"position": record.position, "topic": tag(type(record.event))}
        elsewhere += [
            row | {"environment_id": named} for named in {*named_in(record.event)}
        ]
    yield sql["end_names"], names.ended
    yield sql["begin_names"], names.begun
    yield sql["add_elsewhere"], elsewhere


class Names:
    """What a batch changes: names that end which it did not begin, and its own."""

    def __init__(self) -> None:
        self.ended: list[Row] = []
        self.begun: list[dict[str, Any]] = []
        self._current: dict[str, dict[str, Any]] = {}

    def see(self, stream: str, position: int, event: NamingEvent) -> None:
        match event:
            case EnvironmentRegistered(repository=repository, name=name):
                its = {"repository": repository, "project": fold(repository)}
                self._begin(its, stream, position, name)
            case EnvironmentRevised(name=name) if name is not UNSET:
                self._begin(self._end(stream, position), stream, position, str(name))
            case EnvironmentRetired():
                self._end(stream, position)
            case _:
                pass  # It has the same name as before.

    def _begin(self, known: Row, stream: str, since: int, name: str) -> None:
        named = {"environment_id": stream, "name": name, "name_key": fold(name)}
        new = {**known, **named, "since": since, "until": None}
        self._current[stream] = new
        self.begun.append(new)

    def _end(self, stream: str, until: int) -> Row:
        """The one that ends, or nothing if only the database has it."""
        known = self._current.pop(stream, None)
        if known is None:
            self.ended.append({"environment_id": stream, "until": until})
            return {}
        known["until"] = until
        return known


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
    used_indexes=("environment_name_of_environment",),
)
