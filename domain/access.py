"""Who looked, was told, or was turned away: facts about a request, decided by nobody.

Each is a stream of one event, so that readers of one environment never contend.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from domain.decider import Decider, Reach
from domain.event import Command, Event


class CredentialKind(StrEnum):
    """One kind of credential, as callers and tasks ask for it."""

    ACCESS_TOKEN = "accessToken"  # noqa: S105 - the name of one
    AUTH_URL = "sfdxAuthUrl"


class EnvironmentRead(Event, frozen=True, tag="access.read"):
    """Somebody looked at it, perhaps several times within a minute."""

    environment_id: str
    repository: str


class CredentialsRead(Event, frozen=True, tag="access.credentials_read"):
    """Somebody was about to be told one kind of credential, without holding the lock.

    `kind` is spelled as the caller asked for it: `accessToken` or `sfdxAuthUrl`.
    """

    environment_id: str
    repository: str
    salesforce_username: str
    kind: str


class FrontDoorOpened(Event, frozen=True, tag="access.front_door_opened"):
    """Somebody was about to be let into the org's own pages."""

    environment_id: str
    repository: str
    salesforce_username: str


class AccessRefused(Event, frozen=True, tag="access.refused"):
    """`status` is 401 or 403; `count`, how many such refusals this one stands for."""

    environment_id: str | None
    status: int
    method: str
    path: str
    reason: str
    count: int = 1


AccessEvent = EnvironmentRead | CredentialsRead | FrontDoorOpened | AccessRefused


class RecordAccess(Command, frozen=True, kw_only=True):
    event: AccessEvent


def stream_of(access_id: str) -> str:
    return f"access/{access_id}"


def decide(command: RecordAccess, _: None, __: datetime) -> Sequence[AccessEvent]:
    return [command.event]


def evolve(_: None, __: AccessEvent) -> None:
    return None


def belongs_to(command: RecordAccess, _: None) -> str | Reach:
    """What goes on record because something is disclosed is not everybody's."""
    match command.event:
        case EnvironmentRead() | AccessRefused():
            return Reach.EVERYBODY
        case CredentialsRead() | FrontDoorOpened():
            return command.event.repository
        case _:
            assert_never(command.event)


access = Decider(initial=None, decide=decide, evolve=evolve, belongs_to=belongs_to)
