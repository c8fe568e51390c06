"""Whose an event is: the repository it concerns, and who submitted the task."""

from __future__ import annotations

from msgspec import Struct

from domain.access import (
    AccessRefused,
    CredentialsRead,
    EnvironmentRead,
    FrontDoorOpened,
)
from domain.environment.events import EnvironmentRegistered
from domain.event import Event
from domain.project_events import ProjectRegistered
from domain.record import Recorded
from domain.release import ReleasePublished
from domain.review_index import ReviewEnvironmentChosen
from domain.task.events import Submitter, TaskSubmitted
from domain.task.schedule_events import ScheduleStarted


class Belonging(Struct, frozen=True):
    """`repository` is None for what is of the installation, or of nobody."""

    repository: str | None = None
    submitter: Submitter | None = None


NOBODYS = Belonging()


def said_by(event: Event) -> Belonging | None:
    """What the event itself says; None if that is for its stream's first to say."""
    match event:
        case EnvironmentRegistered() | ReleasePublished() | ReviewEnvironmentChosen():
            return Belonging(event.repository)
        case EnvironmentRead() | CredentialsRead() | FrontDoorOpened():
            return Belonging(event.repository)
        case ProjectRegistered():
            return Belonging(event.identifier)
        case TaskSubmitted() | ScheduleStarted():
            return Belonging(event.order.repository, event.submitter)
        case _:
            return None


def told_by(record: Recorded) -> str:
    """The stream whose first event says it, and never says otherwise later."""
    event = record.event
    if isinstance(event, AccessRefused) and event.environment_id:
        return event.environment_id
    return record.originator_id
