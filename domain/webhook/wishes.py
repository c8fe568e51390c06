"""Which events a webhook is told of: patterns of types, and what else must match."""

from __future__ import annotations

from typing import get_args

from msgspec import Struct

from domain.catalog import AnyEvent, tag
from domain.environment.events import Category
from domain.errors import Invalid
from domain.naming import fold
from domain.webhook.events import Filter, WebhookCreated

EVERYTHING = "*"
PATTERN_LENGTH_MAX = 64
TYPES_MAX = 50
TAGS: frozenset[str] = frozenset(tag(event) for event in get_args(AnyEvent))


class About(Struct, frozen=True):
    """What an event is about, as far as it can be said."""

    repository: str | None = None
    environment_id: str | None = None
    category: Category | None = None


def pattern_of(text: str, field: str) -> str:
    """`lock.acquired`, `lock.*` or `*`; `Invalid` if it matches nothing there is."""
    if tags_of(text):
        return text
    raise Invalid(
        f"{field} must be * or a type of event, such as lock.acquired or lock.*",
        field=field,
    )


def tags_of(pattern: str) -> frozenset[str]:
    """The types that `pattern` matches."""
    if pattern == EVERYTHING:
        return TAGS
    if pattern.endswith(f".{EVERYTHING}"):
        return frozenset(t for t in TAGS if t.startswith(pattern[:-1]))
    return TAGS & {pattern}


def wanted_tags(facts: WebhookCreated) -> frozenset[str]:
    """Of events: those of its pattern that its filter, if there is one, lets pass."""
    tags = tags_of(facts.pattern)
    if not facts.filter.types:
        return tags
    return tags & frozenset().union(*map(tags_of, facts.filter.types))


def wants(wanted: Filter, about: About) -> bool:
    """Whether all but the types match: those were looked at before."""
    if wanted.environment_id not in (None, about.environment_id):
        return False
    if wanted.category not in (None, about.category):
        return False
    if wanted.repository is None:
        return True
    return about.repository is not None and fold(wanted.repository) == fold(
        about.repository
    )
