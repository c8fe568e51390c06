"""`berth replay`: what happened to one environment, in the terminal, line by line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack, closing
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from api.commands.data_dir import DataDir
from api.commands.replay_lines import JsonLines, Lines, Telling
from api.commands.standard_output import standard_output
from api.commands.up_folder import journal_of
from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent
from domain.errors import EnvironmentNotFound, Invalid, JournalUnavailable
from domain.instant import instant_of, told
from projections.environment_story import Known, Stories
from projections.storage.database import Database
from projections.storage.failures import ALTERED
from projections.storage.keyring import Keyring
from projections.storage.subjects import subjects_of

UNTIL = "--until"


def replay(
    environment: str,
    *,
    repository: str | None = None,
    until: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    data_dir: DataDir | None = None,
) -> None:
    """Tell what happened to an environment, also if it was deleted.

    Parameters
    ----------
    environment
        Its id, or its name.
    repository
        Where it is, such as acme/shop, if several have one of that name.
    until
        An instant with its zone, such as 2026-01-05T08:00:00Z: the story ends there,
        and then says how the environment stood.
    as_json
        An object a line, for programs.
    data_dir
        The folder of a `berth up` that runs, in place of BERTH_DATABASE_URL.
    """
    where = journal_of(data_dir)
    with standard_output():
        tell(*where, environment, repository, until, as_json=as_json)


def tell(
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
    or `Invalid` if `until` is no instant that its story has. `JournalUnavailable` where
    the journal was altered so that its story makes no sense.
    """
    instant = None if until is None else instant_of(until, UNTIL)
    telling: Telling = JsonLines() if as_json else Lines()
    with ExitStack() as stack:
        subjects = stack.enter_context(closing(subjects_of(url, keys)))
        opened = Database(url, name="berth-replay", patient=True, subjects=subjects)
        stories = Stories(stack.enter_context(closing(opened)))
        try:
            asyncio.run(_replay(stories, named, repository, instant, telling))
        except (LookupError, AssertionError) as error:
            raise JournalUnavailable(ALTERED) from error


async def _replay(
    stories: Stories,
    named: str,
    repository: str | None,
    until: datetime | None,
    telling: Telling,
) -> None:
    known, moment = await stories.find(named, repository), await stories.moment(until)
    if until is not None:
        check_is_past(until, known, moment.now)
    if known.others:
        others = ", ".join(known.others)
        sys.stderr.write(f"Named {named} before it, each with its story: {others}\n")
    state = environment.initial
    async for record in stories.told(known, moment.position):
        event = record.event
        if isinstance(event, EnvironmentEvent):
            state = environment.evolve(state, event)
        telling.happened(record, state)
    if until is not None:
        stood = await stories.as_of(known, moment.position, until)
        telling.stood(stood, until)


def check_is_past(until: datetime, known: Known, now: datetime) -> None:
    """`Invalid` after now; `EnvironmentNotFound` before it was registered."""
    if until > now:
        raise Invalid(f"{UNTIL} is in the future: it is {told(now)} now", field=UNTIL)
    begin = known.begin.origin.at
    if until < begin:
        raise EnvironmentNotFound(f"its story begins at {told(begin)}, after {UNTIL}")
