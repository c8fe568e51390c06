"""What an event is about, as those outside know it: a kind and an id, never a name."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, get_args

from msgspec import Struct

from domain.access import AccessEvent
from domain.environment.events import EnvironmentEvent
from domain.event import Event
from domain.once import RequestCarriedOut
from domain.org import DefaultDevHubChosen, OrgRegistered, OrgRemoved
from domain.project_events import ProjectEvent
from domain.record import Recorded
from domain.release import ReleasePublished
from domain.review_index import ReviewEnvironmentChosen
from domain.task.concurrency import TaskKeyEvent
from domain.task.events import TaskEvent
from domain.task.schedule_events import ScheduleEvent
from domain.token import TokenEvent
from domain.webhook.events import WebhookEvent

NONE = "none"


class Subject(Struct, frozen=True):
    """`id` is made of letters, digits and hyphens, so it fits into a NATS subject."""

    kind: str
    id: str

    @property
    def path(self) -> str:
        """As CloudEvents say it: `environments/<id>`."""
        return f"{self.kind}s/{self.id}"


def subject_of(record: Recorded) -> Subject:
    """Every event is about one subject, and those about the same one are in order."""
    return _ABOUT[type(record.event)](record)


def project_id(stream: str) -> str:
    """A repository has no id but its name: this stands for it."""
    return sha256(stream.encode()).hexdigest()[:32]


def _environment_in(record: Recorded) -> Subject:
    event: Any = record.event
    return Subject("environment", event.environment_id or NONE)


def _project(record: Recorded) -> Subject:
    return Subject("project", project_id(record.originator_id))


def _org(record: Recorded) -> Subject:
    event: Any = record.event
    return Subject("org", event.org_id or NONE)


def _default_org(record: Recorded) -> Subject:
    event: Any = record.event
    return Subject("org", event.org_id or event.previous_id or NONE)


def _in_stream(kind: str, prefix: str) -> Callable[[Recorded], Subject]:
    """The stream is named for it."""
    return lambda record: Subject(kind, record.originator_id.removeprefix(prefix))


_ABOUT: dict[type[Event], Callable[[Recorded], Subject]] = {
    **dict.fromkeys(get_args(EnvironmentEvent), _in_stream("environment", "")),
    **dict.fromkeys(get_args(AccessEvent), _environment_in),
    **dict.fromkeys((ReleasePublished, ReviewEnvironmentChosen), _environment_in),
    **dict.fromkeys(get_args(ProjectEvent), _project),
    **dict.fromkeys((OrgRegistered, OrgRemoved), _org),
    DefaultDevHubChosen: _default_org,
    **dict.fromkeys(get_args(TokenEvent), _in_stream("token", "tokens/")),
    **dict.fromkeys(get_args(TaskEvent), _in_stream("task", "tasks/")),
    **dict.fromkeys(get_args(ScheduleEvent), _in_stream("schedule", "schedules/")),
    **dict.fromkeys(get_args(TaskKeyEvent), _in_stream("task-key", "task-keys/")),
    RequestCarriedOut: _in_stream("request", "requests/"),
    **dict.fromkeys(get_args(WebhookEvent), _in_stream("webhook", "webhooks/")),
}
