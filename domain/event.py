"""The two kinds of message, what happened and what is asked for, and who asks."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from domain.person import OF_BERTH
from domain.roles import Role


class Event(Struct, frozen=True, tag_field="type", gc=False):
    """Something that happened. Its tag is its name for ever; it is never edited."""


class Actor(Struct, frozen=True):
    """Who asks, and from where. Two tokens of one application are one actor.

    `id` is the subject of a person's token or the name of an application; since the
    two could be spelled alike, `application` tells them apart. `repositories`, folded,
    are those it may act on; None is every one. After `good_until` it may do nothing.
    `token_id` is the application token it came with.
    """

    id: str
    role: Role
    application: str | None = None
    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    repositories: frozenset[str] | None = None
    good_until: datetime | None = None
    token_id: str | None = None

    def is_same_as(self, id: str, application: str | None) -> bool:  # noqa: A002
        return self.id == id and self.application == application


class Command(Struct, frozen=True, kw_only=True):
    """Something asked for, and by whom. When it happens is the journal's to say."""

    by: Actor


def system(name: str) -> Actor:
    """A worker of Berth's own, acting without anybody having asked."""
    return Actor(id=f"{OF_BERTH}{name}", role=Role.OWNER)
