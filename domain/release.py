"""What was released to an environment, when, and under which lock.

A release is known by its environment, domain and name, the latter two compared as all
names are. Its stream remembers its latest publication:

    published under a ticket -> again under the same one, or under none: a repeat
                             -> under a later one: it was deployed once more

A repeat is not recorded again. It may leave out what it said before but not contradict
it: what is on record is not rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from msgspec import Struct

from domain.decider import Decider
from domain.errors import Invalid, ReleaseExists, StaleFence
from domain.event import Command, Event
from domain.json_value import is_same
from domain.naming import fold
from domain.person import ActorName

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(minutes=5)  # How far ahead of ours a caller's may be.


class ReleasePublished(Event, frozen=True, tag="release.published"):
    """`target_org` is the environment's name at that time; `fence`, its lock's."""

    release_id: str
    environment_id: str
    repository: str
    target_org: str
    name: str
    domain: str
    published_at: datetime
    published_by: ActorName
    metadata: dict[str, Any] = {}
    ticket_id: str | None = None
    fence: int | None = None


ReleaseEvent = ReleasePublished


class PublishRelease(Command, frozen=True, kw_only=True):
    """`release_id` is for a publication that is new.

    `fence` is that of the ticket; that it is a live one is the environment's to say, in
    the same append. When it is not, only what is on record already `is_again` answered.
    """

    release_id: str
    environment_id: str
    repository: str
    target_org: str
    name: str
    domain: str
    published_at: datetime | None = None
    metadata: dict[str, Any] | None = None
    ticket_id: str | None = None
    fence: int | None = None
    is_again: bool = False


class Release(Struct, frozen=True):
    latest: ReleasePublished | None = None


def stream_of(environment_id: str, domain: str, name: str) -> str:
    """Folded names may be longer than a stream's key, and may contain anything."""
    key = f"{fold(domain)}\0{fold(name)}".encode()
    return f"releases/{environment_id}/{sha256(key).hexdigest()}"


def decide(
    command: PublishRelease, release: Release, at: datetime
) -> Sequence[ReleaseEvent]:
    """`StaleFence` if the ticket's time is over; `ReleaseExists` as below."""
    latest = release.latest
    if latest and command.ticket_id in (None, latest.ticket_id):
        check_is_the_same(command, latest)
        return []  # Published already: nothing to append.
    if command.is_again:
        raise StaleFence("this ticket holds the lock no more: its fence is outdated")
    return [
        ReleasePublished(
            release_id=command.release_id,
            environment_id=command.environment_id,
            repository=command.repository,
            target_org=command.target_org,
            name=command.name,
            domain=command.domain,
            published_at=published_at(command, at),
            published_by=command.by.id,
            metadata=command.metadata or {},
            ticket_id=command.ticket_id,
            fence=command.fence,
        )
    ]


def check_is_the_same(command: PublishRelease, latest: ReleasePublished) -> None:
    """`ReleaseExists` if what is on record says otherwise."""
    for field, said, recorded in (
        ("publishedAt", command.published_at, latest.published_at),
        ("metadata", command.metadata, latest.metadata),
    ):
        if said is not None and not is_same(said, recorded):
            raise ReleaseExists(
                f"{latest.name} of {latest.domain} is on record with another {field}"
            )


def published_at(command: PublishRelease, at: datetime) -> datetime:
    """When it was published, if the caller says so; else now."""
    said = command.published_at
    if said is None:
        return at
    if not EARLIEST <= said <= at + CLOCKS_APART:
        raise Invalid("publishedAt must lie between 1970 and now", field="publishedAt")
    return said.astimezone(UTC)


def evolve(_: Release, event: ReleaseEvent) -> Release:
    return Release(event)


release = Decider(
    initial=Release(),
    decide=decide,
    evolve=evolve,
    belongs_to=lambda command, _: command.repository,
)
