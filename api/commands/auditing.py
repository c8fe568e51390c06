"""The command line of auditors: exports, what they prove, and the keys of the seal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from api.bounds import bound_of
from api.commands import log_commands, verification
from api.commands.data_dir import DataDir
from api.commands.up_folder import settings_of
from api.event_table import Form
from domain.errors import Invalid
from domain.ids import parse_id
from domain.naming import name_of
from projections.storage.log.selection import Question
from workers.settings import SettingsError

log = App(name="log", help="The seal over the journal, and its keys.")
Overlap = Annotated[int, Parameter(validator=Number(gte=0, lte=3_650))]
Position = Annotated[int, Parameter(validator=Number(gte=1, lte=10**15))]


def is_bound(_: type, text: str | None) -> None:
    """`ValueError`, for the command line to tell, unless it is one."""
    if text is None:
        return
    try:
        bound_of(text, "it")
    except Invalid as error:
        raise ValueError(str(error)) from None


@log.command
def keys(*, data_dir: DataDir | None = None) -> int:
    """Print the public keys of the log: give them to whoever is to verify it.

    Parameters
    ----------
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    return log_commands.show_keys(settings_of(data_dir))


@log.command(name="rotate")
def rotate_log(*, overlap_days: Overlap = 30, data_dir: DataDir | None = None) -> int:
    """Have a new key sign the log's checkpoints.

    Parameters
    ----------
    overlap_days
        How long the keys before it sign along.
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    settings = settings_of(data_dir)
    return log_commands.rotate(settings, timedelta(days=overlap_days))


def export(
    *,
    out: Path | None = None,
    environment: str | None = None,
    repository: str | None = None,
    first: Annotated[str, Parameter(name="--from", validator=is_bound)] = "1",
    last: Annotated[str | None, Parameter(name="--to", validator=is_bound)] = None,
    earlier: Position | None = None,
    format_: Annotated[Form, Parameter(name="--format")] = "ndjson",
    data_dir: DataDir | None = None,
) -> int:
    """Write a bundle of events, each with the proof that it was sealed, or a table.

    Parameters
    ----------
    out
        The file to write; standard output, if none is given.
    environment
        The id of an environment: all that is about it, also if it was deleted.
    repository
        A repository: all that is of it.
    first
        The position from which on, 1 being the very first event; or an instant with
        its zone, such as 2026-01-05T08:00:00Z.
    last
        The position, or the instant, up to which; the newest checkpoint's, if none is
        given.
    earlier
        The size of an earlier checkpoint: prove, too, that the log goes on from it.
    format_
        ndjson, the bundle for `berth verify`; or csv, a table for people, which has no
        proofs.
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    if environment is not None and repository is not None:
        raise SettingsError("give --environment or --repository, not both")
    if environment is not None:
        environment = parse_id(environment, "--environment")
    if repository is not None:
        repository = name_of(repository, "--repository", slash=True)
    until = None if last is None else bound_of(last, "--to")
    since = bound_of(first, "--from")
    question = Question(environment, repository, since, until, earlier)
    settings = settings_of(data_dir)
    write = log_commands.export_table if format_ == "csv" else log_commands.export
    return write(settings, question, out)


def verify(
    bundle: Path | None = None,
    *,
    key: list[str] | None = None,
    checkpoint: Path | None = None,
    database: Annotated[bool, Parameter(negative="")] = False,
    data_dir: DataDir | None = None,
) -> int:
    """Say what a bundle proves, or which event in it was altered first.

    That takes neither server nor network. With --data-dir or --database, go through
    all of a journal, and name whatever was altered in it. Exits with 0, with 1 if
    something was altered, with 2 if that cannot be said.

    Parameters
    ----------
    bundle
        A file that `berth export` or the API has written.
    key
        The log's public key, as it was told and kept; several, if it was replaced.
    checkpoint
        A file with checkpoints that were kept elsewhere: they, too, must hold.
    database
        In place of a bundle, the journal in BERTH_DATABASE_URL.
    data_dir
        In place of a bundle, the journal of the `berth up` that runs in this folder.
    """
    return verification.verify(
        bundle, key or [], checkpoint, data_dir, database=database
    )
