"""What an event is about, as those outside know it: a kind and an id, never a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Literal, get_args

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
from domain.subject import STREAMS, SubjectErased
from domain.task.concurrency import TaskKeyEvent
from domain.task.events import TaskEvent
from domain.task.schedule_events import ScheduleEvent
from domain.token import TokenEvent
from domain.webhook.events import WebhookEvent
from domain.webhook.places import WebhookPlaceEvent

NONE = "none"
ENVIRONMENT = "environment"
Kind = Literal[
    "environment",
    "project",
    "org",
    "token",
    "task",
    "schedule",
    "task-key",
    "request",
    "webhook",
    "subject",
]
KINDS: Sequence[str] = get_args(Kind)


class Subject(Struct, frozen=True):
    """`id` is made of letters, digits and hyphens, so it fits into a NATS subject."""

    kind: Kind
    id: str

    @property
    def path(self) -> str:
        """As CloudEvents say it: `environments/<id>`."""
        return f"{self.kind}s/{self.id}"


def subject_of(record: Recorded) -> Subject:
    """Every event is about one subject, and those about the same one are in order."""
    kind, id_of = _ABOUT[type(record.event)]
    return Subject(kind, id_of(record))


def kind_of(event_type: type[Event]) -> Kind:
    """What such events are about: an environment, say."""
    return _ABOUT[event_type][0]


def project_id(stream: str) -> str:
    """A repository has no id but its name: this stands for it."""
    return sha256(stream.encode()).hexdigest()[:32]


def _environment_in(record: Recorded) -> str:
    event: Any = record.event
    return event.environment_id or NONE


def _webhook_in(record: Recorded) -> str:
    event: Any = record.event
    webhook_id: str = event.webhook_id
    return webhook_id


def _org_in(record: Recorded) -> str:
    event: Any = record.event
    return event.org_id or NONE


def _default_org_in(record: Recorded) -> str:
    event: Any = record.event
    return event.org_id or event.previous_id or NONE


def _project_of(record: Recorded) -> str:
    return project_id(record.originator_id)


def _stream_without(prefix: str) -> Callable[[Recorded], str]:
    """The stream is named for it."""
    return lambda record: record.originator_id.removeprefix(prefix)


About = tuple[Kind, Callable[[Recorded], str]]

_ABOUT: dict[type[Event], About] = {
    **dict.fromkeys(get_args(EnvironmentEvent), ("environment", _stream_without(""))),
    **dict.fromkeys(get_args(AccessEvent), ("environment", _environment_in)),
    ReleasePublished: ("environment", _environment_in),
    ReviewEnvironmentChosen: ("environment", _environment_in),
    **dict.fromkeys(get_args(ProjectEvent), ("project", _project_of)),
    OrgRegistered: ("org", _org_in),
    OrgRemoved: ("org", _org_in),
    DefaultDevHubChosen: ("org", _default_org_in),
    **dict.fromkeys(get_args(TokenEvent), ("token", _stream_without("tokens/"))),
    **dict.fromkeys(get_args(TaskEvent), ("task", _stream_without("tasks/"))),
    **dict.fromkeys(
        get_args(ScheduleEvent), ("schedule", _stream_without("schedules/"))
    ),
    **dict.fromkeys(
        get_args(TaskKeyEvent), ("task-key", _stream_without("task-keys/"))
    ),
    RequestCarriedOut: ("request", _stream_without("requests/")),
    **dict.fromkeys(get_args(WebhookEvent), ("webhook", _stream_without("webhooks/"))),
    **dict.fromkeys(get_args(WebhookPlaceEvent), ("webhook", _webhook_in)),
    SubjectErased: ("subject", _stream_without(STREAMS)),
}
