"""`berth erase`: shows what it is about to do, asks, and does it."""

from __future__ import annotations

import asyncio
import sys
from signal import SIGINT, default_int_handler, signal

from api.commands.data_dir import DataDir
from api.commands.up_folder import settings_of
from domain.event import system
from workers.erasing import Erasing, Holdings, check_is_a_person
from workers.settings import Settings
from workers.wiring import running

BY = system("erase")


def erase(
    subject: str,
    *,
    yes: bool = False,
    force: bool = False,
    data_dir: DataDir | None = None,
) -> int:
    """Erase a person: destroy the key under which all that names them is kept.

    Parameters
    ----------
    subject
        Who, as in their tokens: such as an e-mail address.
    yes
        Do not ask.
    force
        Give up their locks and places in queues, cancel their tasks and stop their
        recurring tasks first. Otherwise nothing is done while they have any.
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    settings = settings_of(data_dir)
    check_is_a_person(subject)
    return asyncio.run(_erase(settings, subject, is_sure=yes, force=force))


async def _erase(
    settings: Settings, subject: str, *, is_sure: bool, force: bool
) -> int:
    """The exit code: 1 if it was not done."""
    async with running(settings) as services:
        erasing = services.erasing
        held = await erasing.holdings(subject)
        await _show(erasing, subject, held, force)
        if held and not force:
            print("Nothing was done: end that first, or use --force.", file=sys.stderr)
            return 1
        if not is_sure and not _is_agreed():
            print("Nothing was done.", file=sys.stderr)
            return 1
        done = await erasing.erase(subject, BY, force=force)
        left = await erasing.told(subject)
    if done.keys:
        print(f"Erased: {done.rows} rows now say {done.erased_as}.")
        print("The stream in NATS still has what was published: `berth rebuild events`")
        print("has it made anew. docs/erasure.md tells what else is out of reach.")
    else:
        print("Nothing was known of this person, or nothing any more.")
    if left.plain:
        print(f"{left.plain} events have the name in plain text, and keep it.")
    return 0


async def _show(erasing: Erasing, subject: str, held: Holdings, force: bool) -> None:
    told = await erasing.told(subject)
    if told.hidden:
        print(f"{told.hidden} events speak of them, and will not tell who it was.")
    else:
        print("No event speaks of this person under a key of theirs.")
    if told.plain:
        print(
            f"{told.plain} have the name in plain text, of before there were keys or in"
            " somebody's own words: they stay as they are."
        )
    if held:
        what = "will be ended" if force else "must be ended first"
        print(f"There is something going on, which {what}: {held}.")


def _is_agreed() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        print("Say --yes to erase without being asked.", file=sys.stderr)
        return False
    # Else asyncio's own would wait for the answer before it heeds Ctrl-C.
    before = signal(SIGINT, default_int_handler)
    try:
        answer = input("This cannot be undone. Erase? [y/N] ")
    except EOFError:
        return False
    finally:
        signal(SIGINT, before)
    return answer.strip().lower() in {"y", "yes"}
