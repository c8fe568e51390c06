"""What the commands about the log do: its keys, bundles with proof, and tables."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from signal import SIGTERM, signal
from typing import BinaryIO

from api.commands.private_file import private_file
from api.commands.standard_output import standard_output
from api.event_table import event_table
from domain.errors import DomainError
from domain.seal.bundle import Asked
from projections.sealed_events import SealedEvents
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.log.export import Bundle
from projections.storage.log.keys import LogKey, LogKeys
from projections.storage.log.selection import Question
from projections.storage.subjects import subjects_of
from projections.storage.vault import Vault
from workers.settings import Settings, SettingsError


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


def export(settings: Settings, question: Question, out: Path | None) -> int:
    """Write a bundle, to standard output if `out` is None.

    `SettingsError` if there is nothing of the kind.
    """
    with _reading(settings) as database:
        bundle = Bundle(database, question)
        with opened(out) as file:
            for piece in bundle.lines():
                file.write(piece)
    about = _about(bundle.header.asked)
    _tell(out, f"{about}, under the checkpoint of {bundle.header.size} events")
    return 0


def export_table(settings: Settings, question: Question, out: Path | None) -> int:
    """Write a CSV, as above."""
    if question.earlier is not None:
        raise SettingsError("a table has no proofs: --earlier is for --format ndjson")
    with _reading(settings) as database:
        asked = asyncio.run(_write_table(SealedEvents(database), question, out))
    _tell(out, _about(asked))
    return 0


async def _write_table(
    events: SealedEvents, question: Question, out: Path | None
) -> Asked:
    asked = await events.asked(question)
    with opened(out) as file:
        async for piece in event_table(events, asked):
            file.write(piece)
    return asked


@contextmanager
def opened(out: Path | None) -> Iterator[BinaryIO]:
    """The file to write to: `out`, or standard output."""
    if out is None:
        with standard_output() as file:
            yield file
    else:
        # So that what is half done goes, too, if somebody else ends it.
        signal(SIGTERM, lambda number, _: sys.exit(128 + number))
        with private_file(out) as file:
            yield file


def _tell(out: Path | None, what: str) -> None:
    """Not amid the bytes, if those go to standard output."""
    where = "standard output" if out is None else out
    print(f"{where}: {what}", file=sys.stderr if out is None else None)


@contextmanager
def _reading(settings: Settings) -> Iterator[Database]:
    """The database of the settings; what it refuses is one line for a person."""
    url = settings.database_url
    with (
        closing(subjects_of(url, settings.vault_keys)) as subjects,
        closing(
            Database(url, name="berth-export", patient=True, subjects=subjects)
        ) as database,
    ):
        try:
            yield database
        except DomainError as error:
            raise SettingsError(str(error)) from None


def _about(asked: Asked) -> str:
    what = asked.environment or asked.repository or "everything"
    if asked.first > asked.last:
        return f"{what}, where nothing was sealed in that time"
    return f"{what}, positions {asked.first} to {asked.last}"


def _show(keys: Sequence[LogKey]) -> None:
    for key in keys:
        until = key.signs_until
        state = "signs" if until is None else f"until {until:%Y-%m-%d %H:%M} UTC"
        print(f"{key.vkey}  # {state}")
