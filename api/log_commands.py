"""What the commands about the log do: its keys, and bundles of events with proof."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from domain.errors import DomainError
from domain.seal.bundle import Header
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.log.export import Bundle, Question
from projections.storage.log.keys import LogKey, LogKeys
from projections.storage.subjects import subjects_of
from projections.storage.vault import Vault
from workers.settings import SettingsError, from_environment


def ensured_keys(url: str, vault_keys: Keyring) -> Sequence[LogKey]:
    """The newest first; made if there is none yet."""
    with closing(Database(url, name="berth-log", pool_max=2)) as database:
        return asyncio.run(LogKeys(database, Vault(database, vault_keys)).ensured())


def rotate(overlap: timedelta) -> int:
    """Have a new key sign; those before it sign along for as long as `overlap`."""
    settings = from_environment()
    with closing(Database(settings.database_url, pool_max=2)) as database:
        keys = LogKeys(database, Vault(database, settings.vault_keys))
        _show(asyncio.run(keys.rotate(overlap)))
    return 0


def show_keys() -> int:
    """All there ever were, the newest first."""
    settings = from_environment()
    _show(ensured_keys(settings.database_url, settings.vault_keys))
    return 0


def export(question: Question, out: Path) -> int:
    """Write a bundle; `SettingsError` if there is nothing of the kind."""
    settings = from_environment()
    url = settings.database_url
    with (
        closing(subjects_of(url, settings.vault_keys)) as subjects,
        closing(
            Database(url, name="berth-export", patient=True, subjects=subjects)
        ) as database,
    ):
        try:
            bundle = Bundle(database, question)
        except DomainError as error:
            raise SettingsError(str(error)) from None
        with out.open("wb") as file:
            for piece in bundle.lines():
                file.write(piece)
    print(f"{out}: {_about(bundle.header)}")
    return 0


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
