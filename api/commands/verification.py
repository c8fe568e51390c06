"""`berth verify`: what a bundle or a database proves, or what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from api.commands.standard_output import standard_output
from api.commands.up_folder import database_of
from domain.errors import JournalUnavailable
from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import Checkpoint, Key, key_of, opened
from domain.seal.verdict import Proven, Verdict
from projections.storage.log.examination import Examined, examine
from projections.storage.log.signing import is_signed
from workers.one_line import short
from workers.sealing.file import notes_in
from workers.settings import SettingsError

TAMPERED, UNREADABLE = 1, 2
BAR_WIDTH = 40
SHOWN_MAX = 100
SAID_LENGTH_MAX = 2_000
# Many times what an event may have. What is longer is none, and cannot be read.
LINE_BYTES_MAX = 64 * 1024 * 1024


def verify(
    bundle: Path | None,
    vkeys: Sequence[str],
    kept: Path | None,
    data_dir: Path | None,
    *,
    database: bool,
) -> int:
    """The exit code: 0 if all is as it was, 1 if not, 2 if that cannot be said.

    Of a bundle, or else of the journal: in `data_dir`, or in `database`, which is that
    of the settings.
    """
    try:
        with standard_output(UNREADABLE):
            return _verify(bundle, vkeys, kept, data_dir, is_journal=database)
    except OSError as error:  # What was found could not be told.
        print(f"berth: {error}", file=sys.stderr)
        return UNREADABLE


def _verify(
    bundle: Path | None,
    vkeys: Sequence[str],
    kept: Path | None,
    data_dir: Path | None,
    *,
    is_journal: bool,
) -> int:
    try:
        keys = _keys_of(vkeys)
        _check_is_one(bundle, is_journal=is_journal or data_dir is not None)
        if bundle is not None:
            return _verify_bundle(bundle, keys, _kept(kept, keys))
        url = database_of(data_dir)
        return _verify_database(url, keys, _kept(kept, keys))
    except Tampered as error:
        _say(f"TAMPERED: {error}.")
        return TAMPERED
    except (Unreadable, OSError, JournalUnavailable, SettingsError) as error:
        _say(f"UNREADABLE: {error}.")
        return UNREADABLE


def _check_is_one(bundle: Path | None, *, is_journal: bool) -> None:
    if bundle is None and not is_journal:
        raise Unreadable(
            "there is nothing to verify: give a bundle, --data-dir or --database"
        )
    if bundle is not None and is_journal:
        raise Unreadable("give a bundle, or a journal by --data-dir or --database")


def _keys_of(vkeys: Sequence[str]) -> Sequence[Key]:
    if not vkeys:
        raise Unreadable("--key is missing: the log's public key, kept elsewhere")
    # What follows a space is what `berth log keys` says of it.
    return [key_of(vkey.partition(" ")[0]) for vkey in vkeys]


def _verify_bundle(path: Path, keys: Sequence[Key], kept: Sequence[Checkpoint]) -> int:
    verdict = Verdict(keys, is_signed, kept)
    with path.open("rb") as bundle:
        while line := bundle.readline(LINE_BYTES_MAX):
            verdict.line(line)
    _say(*told(verdict.proven()))
    return 0


def _verify_database(url: str, keys: Sequence[Key], kept: Sequence[Checkpoint]) -> int:
    """All of the journal, beside its tree and every checkpoint."""
    examined = examine(url, keys, kept, _show_progress)
    if examined.size:
        print(file=sys.stderr)
    _say(*_told_of_all(examined))
    return TAMPERED if examined.findings else 0


def told(proven: Proven) -> Sequence[str]:
    """In words, no more than is proven."""
    checkpoint, asked = proven.checkpoint, proven.asked
    signers = ", ".join(key.id.hex() for key in proven.signers)
    lines = [
        (
            f"The checkpoint of {checkpoint.size} events of {checkpoint.origin} is"
            f" signed by {signers}."
        ),
        f"{proven.events} events: each is what was sealed at its position.",
    ]
    if proven.hiding:
        lines.append(
            f"In {proven.hiding} of them people were sealed in cipher: who they are,"
            " and where they came from, is as the server told it, and not proven."
        )
    if asked.is_everything and asked.first > asked.last:
        lines.append("They are of no position: nothing is told of that time.")
    elif asked.is_everything:
        lines.append(
            f"They are all of positions {asked.first} to {asked.last}: none is missing."
        )
    elif asked.environment is not None:
        last = proven.streams.get(asked.environment, 0)
        lines.append(
            f"Of the environment's own stream none is missing up to version {last};"
            " that there is no later one is not proven."
        )
    else:
        lines.append(
            f"Of {len(proven.streams)} streams none is missing up to the last one here;"
            " that there are no later ones, or other streams, is not proven."
        )
    if proven.earlier is not None:
        lines.append(
            f"That history goes on from the checkpoint of {proven.earlier.size} events."
        )
    return lines


def _told_of_all(examined: Examined) -> Sequence[str]:
    found = examined.findings
    lines = [f"TAMPERED: {finding}." for finding in found[:SHOWN_MAX]]
    if len(found) > SHOWN_MAX:
        lines.append(f"... and {len(found) - SHOWN_MAX} more.")
    lines.append(
        f"{examined.size} sealed events compared, with"
        f" {examined.checkpoints} checkpoints and {examined.kept} kept elsewhere:"
        f" {'not all' if found else 'all'} is as it was sealed."
    )
    if examined.unsealed:
        lines.append(f"{examined.unsealed} newer events are not sealed yet.")
    return lines


def _kept(path: Path | None, keys: Sequence[Key]) -> Sequence[Checkpoint]:
    """`Unreadable` if there is none; `Tampered` if one is not signed."""
    if path is None:
        return ()
    notes = [*notes_in(path.read_text(errors="replace"))]
    if not notes:
        raise Unreadable(f"{path} has no checkpoint")
    return [opened(note, keys, is_signed)[0] for note in notes]


def _say(*lines: str) -> None:
    """Nothing in them moves the cursor: they may have the words of who tampered."""
    for line in lines:
        print(short(line, SAID_LENGTH_MAX))


def _show_progress(position: int, size: int) -> None:
    bar = "#" * int(position / size * BAR_WIDTH)
    print(
        f"\r[{bar:<{BAR_WIDTH}}] {position} of {size} events",
        end="",
        file=sys.stderr,
        flush=True,
    )
