"""Which events somebody wants: by type, and about which environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import get_args

from msgspec import Struct

from domain.catalog import AnyEvent, tag
from domain.errors import Invalid
from domain.outward.cloud_event import VERSION

TAGS = frozenset(tag(event_type) for event_type in get_args(AnyEvent))
ALL = "*"
PREFIX, SUFFIX = "berth.", f".{VERSION}"
# What looks otherwise is not repeated: it may be a secret that went astray.
NAME = re.compile(r"[a-z_]{1,30}(\.[a-z0-9_*]{1,30}){1,3}")


class Choice(Struct, frozen=True):
    """`tags` is None for events of every type."""

    tags: frozenset[str] | None = None
    environment_id: str | None = None


def tags_of(types: Iterable[str]) -> frozenset[str] | None:
    """The events that `types` name, one or several of them in each text.

    A type is `berth.lock.acquired.v1`, or in short `lock.acquired`; `lock.*` stands for
    all about locks, `*` for all there are. `Invalid` names one that is none of these.
    """
    named = [part.strip() for text in types for part in text.split(",")]
    if not named:
        return None
    found: set[str] = set()
    for number, name in enumerate(named, start=1):
        tags = _named(name)
        if not tags:
            shown = name if NAME.fullmatch(name) else f"number {number}"
            raise Invalid(f"types: {shown} is no event", field="types")
        found.update(tags)
    return frozenset(found)


def _named(name: str) -> Collection[str]:
    short = name.removeprefix(PREFIX).removesuffix(SUFFIX)
    if short == ALL:
        return TAGS
    if short.endswith(".*"):
        return [known for known in TAGS if known.startswith(short[:-1])]
    return {short} & TAGS
