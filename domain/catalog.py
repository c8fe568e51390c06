"""Every event there is: the contract with the past. Only ever add to it."""

from __future__ import annotations

from domain.access import AccessEvent
from domain.environment.events import EnvironmentEvent
from domain.event import Event
from domain.once import RequestCarriedOut
from domain.org import OrgEvent
from domain.project_events import ProjectEvent
from domain.release import ReleaseEvent
from domain.review_index import ReviewEnvironmentChosen
from domain.subject import SubjectEvent
from domain.task.concurrency import TaskKeyEvent
from domain.task.events import TaskEvent
from domain.task.schedule_events import ScheduleEvent
from domain.token import TokenEvent
from domain.webhook.events import WebhookEvent
from domain.webhook.places import WebhookPlaceEvent

AnyEvent = (
    EnvironmentEvent
    | ProjectEvent
    | OrgEvent
    | TokenEvent
    | AccessEvent
    | ReleaseEvent
    | TaskEvent
    | ReviewEnvironmentChosen
    | ScheduleEvent
    | TaskKeyEvent
    | RequestCarriedOut
    | WebhookEvent
    | WebhookPlaceEvent
    | SubjectEvent
)


def tag(event_type: type[Event]) -> str:
    """The name an event is stored and published under."""
    return str(event_type.__struct_config__.tag)
