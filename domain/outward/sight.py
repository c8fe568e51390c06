"""Who may see which events: no more than the routes would tell (DESIGN section 4)."""

from __future__ import annotations

from typing import get_args

from domain.access import AccessRefused
from domain.decider import Reach, check_reach
from domain.errors import Forbidden
from domain.event import Actor, Event
from domain.once import RequestCarriedOut
from domain.outward.belonging import Belonging
from domain.roles import Role
from domain.subject import SubjectErased
from domain.task.concurrency import TaskKeyEvent
from domain.task.events import TaskEvent
from domain.task.schedule_events import ScheduleEvent
from domain.token import TokenEvent
from domain.webhook.events import WebhookEvent
from domain.webhook.places import WebhookPlaceEvent

OF_A_TASK = frozenset(get_args(TaskEvent) + get_args(ScheduleEvent))
OF_THE_INSTALLATION = frozenset(
    (
        *get_args(TokenEvent),
        *get_args(TaskKeyEvent),
        *get_args(WebhookEvent),
        *get_args(WebhookPlaceEvent),
        RequestCarriedOut,
        SubjectErased,
    )
)


def may_see(actor: Actor, event: Event, whose: Belonging) -> bool:
    """Members see all of the environments; of the tasks their own; owners, all.

    What was refused is for everybody to see if it concerned an environment that there
    was: that much the audit tells.
    """
    is_nobodys = isinstance(event, AccessRefused) and whose.repository is None
    if is_nobodys or type(event) in OF_THE_INSTALLATION:
        return _is_owner(actor) and _reaches(actor, Reach.INSTALLATION)
    if type(event) in OF_A_TASK:
        return _is_theirs(actor, whose) and _reaches(
            actor, whose.repository or Reach.INSTALLATION
        )
    return True


def _is_owner(actor: Actor) -> bool:
    return actor.role.includes(Role.OWNER)


def _is_theirs(actor: Actor, whose: Belonging) -> bool:
    by = whose.submitter
    return _is_owner(actor) or (
        by is not None and actor.is_same_as(by.id, by.application)
    )


def _reaches(actor: Actor, whose: str | Reach) -> bool:
    try:
        check_reach(actor, whose)
    except Forbidden:
        return False
    return True
