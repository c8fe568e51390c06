"""What the commands about the log do: its keys, and bundles of events with proof."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from domain.errors import DomainError, Invalid
from domain.instant import instant_of
from domain.seal.bundle import Header
from projections.storage.database import Database
from projections.storage.instants import first_since, moment_of
from projections.storage.keyring import Keyring
from projections.storage.log.export import Bundle, Question
from projections.storage.log.keys import LogKey, LogKeys
from projections.storage.subjects import subjects_of
from projections.storage.vault import Vault
from workers.settings import Settings, SettingsError

Period = tuple[str | None, str | None]


def ensured_keys(url: str, vault_keys: Keyring) -> Sequence[LogKey]:
    """The newest first; made if there is none yet."""
    with closing(Database(url, name="berth-log", pool_max=2)) as database:
        return asyncio.run(LogKeys(database, Vault(database, vault_keys)).ensured())


def rotate(settings: Settings, overlap: timedelta) -> int:
    """Have a new key sign; those before it sign along for as long as `overlap`."""
    with closing(Database(settings.database_url, pool_max=2)) as database:
        keys = LogKeys(database, Vault(database, settings.vault_keys))
        _show(asyncio.run(keys.rotate(overlap)))
    return 0


def show_keys(settings: Settings) -> int:
    """All there ever were, the newest first."""
    _show(ensured_keys(settings.database_url, settings.vault_keys))
    return 0


def export(
    settings: Settings, question: Question, period: Period, out: Path | None
) -> int:
    """Write a bundle, to standard output if `out` is None.

    `SettingsError` if there is nothing of the kind.
    """
    url = settings.database_url
    with (
        closing(subjects_of(url, settings.vault_keys)) as subjects,
        closing(
            Database(url, name="berth-export", patient=True, subjects=subjects)
        ) as database,
    ):
        try:
            asked = asyncio.run(_within(database, question, period))
            bundle = Bundle(database, asked)
        except DomainError as error:
            raise SettingsError(str(error)) from None
        with out.open("wb") if out else nullcontext(sys.stdout.buffer) as file:
            for piece in bundle.lines():
                file.write(piece)
    if out:
        print(f"{out}: {_about(bundle.header)}")
    return 0


async def _within(database: Database, question: Question, period: Period) -> Question:
    """The same question, of the positions between two instants; each may be None."""
    since, until = period
    first, last = question.first, question.last
    if since is not None:
        first = await first_since(database, instant_of(since, "--since"))
    if until is not None:
        last = await _last_until(database, instant_of(until, "--until"))
    if since is not None and last is not None and first > last:
        raise Invalid("nothing happened between --since and --until", field="--since")
    return replace(question, first=first, last=last)


async def _last_until(database: Database, until: datetime) -> int:
    """`Invalid` where that is not known yet, or is before everything."""
    moment = await moment_of(database, until)
    if until > moment.now:
        raise Invalid("--until lies in the future", field="--until")
    if not moment.position:
        raise Invalid("nothing had happened yet at --until", field="--until")
    return moment.position


def _about(header: Header) -> str:
    asked = header.asked
    what = asked.environment or asked.repository or "everything"
    positions = f"positions {asked.first} to {asked.last}"
    return f"{what}, {positions}, under the checkpoint of {header.size} events"


def _show(keys: Sequence[LogKey]) -> None:
    for key in keys:
        until = key.signs_until
        state = "signs" if until is None else f"until {until:%Y-%m-%d %H:%M} UTC"
        print(f"{key.vkey}  # {state}")
