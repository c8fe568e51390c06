"""`berth replay`: what happened to one environment, in the terminal, line by line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime

from api.replay_lines import JsonLines, Lines, Telling
from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent
from domain.errors import EnvironmentNotFound, Invalid
from projections.environment_story import Known, Stories
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.subjects import subjects_of


def replay(
    url: str,
    keys: Keyring,
    named: str,
    repository: str | None,
    until: str | None,
    *,
    as_json: bool,
) -> None:
    """Tell its story, and how it stood at `until`, an RFC 3339 instant.

    `keys` are the vault's, which open those of the people in it. `EnvironmentNotFound`,
    or `Invalid` if `until` is no instant that its story has.
    """
    instant = None if until is None else instant_of(until)
    telling: Telling = JsonLines() if as_json else Lines()
    with ExitStack() as stack:
        subjects = stack.enter_context(closing(subjects_of(url, keys)))
        opened = Database(url, name="berth-replay", patient=True, subjects=subjects)
        stories = Stories(stack.enter_context(closing(opened)))
        asyncio.run(_replay(stories, named, repository, instant, telling))


async def _replay(
    stories: Stories,
    named: str,
    repository: str | None,
    until: datetime | None,
    telling: Telling,
) -> None:
    known, now = await stories.find(named, repository), await stories.now()
    if until is not None:
        check_is_past(until, known, now)
    if known.others:
        others = ", ".join(known.others)
        sys.stderr.write(f"Named {named} before it, each with its story: {others}\n")
    state = environment.initial
    async for record in stories.told(known, until or now):
        event = record.event
        if isinstance(event, EnvironmentEvent):
            state = environment.evolve(state, event)
        telling.happened(record, state)
    if until is not None:
        telling.stood(await stories.as_of(known, until), until)


def instant_of(text: str) -> datetime:
    """`Invalid` unless it is RFC 3339 with a time zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Invalid(
            "--until must be an instant with its zone, such as 2026-01-05T08:00:00Z",
            field="--until",
        )
    return instant.astimezone(UTC)


def check_is_past(until: datetime, known: Known, now: datetime) -> None:
    """`Invalid` before it was registered, and after now."""
    if until > now:
        raise Invalid(
            f"--until lies in the future: now it is {now:%Y-%m-%dT%H:%M:%SZ}",
            field="--until",
        )
    begin = known.begin.origin.at
    if until < begin:
        raise EnvironmentNotFound(
            f"its story begins at {begin:%Y-%m-%dT%H:%M:%S.%fZ}, after --until"
        )
