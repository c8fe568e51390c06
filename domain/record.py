"""An event once it has happened: who caused it, when, and where in the journal."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from domain.event import Actor, Event
from domain.roles import Role


class Origin(Struct, frozen=True, omit_defaults=True, gc=False):
    """Who, when (the database's time) and from where; `cause` is a position."""

    by: str
    role: Role
    at: datetime
    application: str | None = None
    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    cause: int | None = None


def origin_of(actor: Actor, at: datetime, cause: int | None = None) -> Origin:
    return Origin(
        by=actor.id,
        role=actor.role,
        at=at,
        application=actor.application,
        request_id=actor.request_id,
        ip=actor.ip,
        user_agent=actor.user_agent,
        cause=cause,
    )


class Recorded(Struct, frozen=True, gc=False):
    """`originator_*` are the eventsourcing library's names for stream and version.

    `position` counts from 1 through the whole journal, without gaps.
    """

    originator_id: str
    originator_version: int
    position: int
    id: str
    event: Event
    origin: Origin
