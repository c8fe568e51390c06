"""The command line: `berth up` for one machine, and each part alone for many."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from api import commands, log_commands, verification
from api.up_folder import environment_of
from domain.errors import (
    Conflict,
    EnvironmentNotFound,
    Invalid,
    JournalUnavailable,
    VaultClosed,
)
from domain.roles import Role
from projections.storage.beside import RebuildError
from projections.storage.log.export import Question
from workers.embedded import ServerStartError
from workers.events.stream import StreamRefused
from workers.settings import SettingsError, from_environment
from workers.supervisor import AlreadyRunningError

app = App(name="berth", help="An open server for shared deployment environments.")
vault = App(name="vault", help="The keys that credentials are encrypted with.")
app.command(vault)
log = App(name="log", help="The seal over the journal, and its keys.")
app.command(log)
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
DataDir = Path | None
Days = Annotated[int, Parameter(validator=Number(gte=1, lte=3_650))]
Overlap = Annotated[int, Parameter(validator=Number(gte=0, lte=3_650))]
Position = Annotated[int, Parameter(validator=Number(gte=1, lte=10**15))]


@app.command
def up(*, data_dir: Path = Path(".berth"), port: Port = 8080) -> None:
    """Run everything on this machine: PostgreSQL, NATS, the API and a worker.

    Parameters
    ----------
    data_dir
        Where all data is kept. Made if it is not there.
    port
        Where the API listens, on 127.0.0.1.
    """
    commands.up(data_dir, port)


@app.command
def api() -> int:
    """Run the API alone, with the settings of the environment."""
    return commands.serve_api()


@app.command
def worker() -> int:
    """Run a worker alone, with the settings of the environment."""
    return commands.run_worker()


@app.command
def migrate() -> None:
    """Bring the database's schema up to date."""
    for name in commands.migrate_database():
        print(f"applied {name}")


@app.command
def rebuild(*views: str, data_dir: DataDir = None) -> None:
    """Build views anew from the journal, while the server runs.

    Parameters
    ----------
    views
        Their names, such as environment_listing or audit_log; all of them if none is
        given. Also events, which is the stream in NATS.
    data_dir
        The folder of a `berth up` that runs, in place of BERTH_DATABASE_URL.
    """
    print(commands.rebuild_views(views, data_dir))


@app.command
def replay(
    environment: str,
    *,
    repository: str | None = None,
    until: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    data_dir: DataDir = None,
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
    commands.replay_environment(
        environment, repository, until, data_dir, as_json=as_json
    )


@app.command
def erase(
    subject: str, *, yes: bool = False, force: bool = False, data_dir: DataDir = None
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
    return commands.erase(subject, data_dir, is_sure=yes, force=force)


@app.command
def token(*, subject: str, role: Role = Role.MEMBER, days: Days = 30) -> None:
    """Print a token for a person, signed with BERTH_SECRET.

    Parameters
    ----------
    subject
        Who it speaks for, such as an e-mail address.
    role
        What it may do: member, application or owner.
    days
        How long it is good for.
    """
    print(commands.token(subject, role, timedelta(days=days)))


@vault.command
def rotate(*, data_dir: Path | None = None) -> int:
    """Put every credential under the newest of BERTH_VAULT_KEYS, while Berth serves.

    Parameters
    ----------
    data_dir
        The folder of a `berth up` that does not run: it is given a new key.
    """
    return commands.rotate_vault(data_dir)


@log.command
def keys(*, data_dir: DataDir = None) -> int:
    """Print the public keys of the log: give them to whoever is to verify it.

    Parameters
    ----------
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    return log_commands.show_keys(from_environment(environment_of(data_dir)))


@log.command(name="rotate")
def rotate_log(*, overlap_days: Overlap = 30, data_dir: DataDir = None) -> int:
    """Have a new key sign the log's checkpoints.

    Parameters
    ----------
    overlap_days
        How long the keys before it sign along.
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    settings = from_environment(environment_of(data_dir))
    return log_commands.rotate(settings, timedelta(days=overlap_days))


@app.command
def export(
    *,
    out: Path | None = None,
    environment: str | None = None,
    repository: str | None = None,
    first: Annotated[Position, Parameter(name="--from")] = 1,
    last: Annotated[Position | None, Parameter(name="--to")] = None,
    since: str | None = None,
    until: str | None = None,
    earlier: Position | None = None,
    data_dir: DataDir = None,
) -> int:
    """Write a bundle of events, each with the proof that it was sealed.

    Parameters
    ----------
    out
        The file to write; standard output, if none is given.
    environment
        The id of an environment: all that is about it, also if it was deleted.
    repository
        A repository: all that is of it.
    first
        The position from which on; 1 is the very first event.
    last
        The position up to which; the newest checkpoint's, if none is given.
    since
        In place of --from, an instant with its zone, such as 2026-01-05T08:00:00Z.
    until
        In place of --to, an instant that has passed.
    earlier
        The size of an earlier checkpoint: prove, too, that the log goes on from it.
    data_dir
        The folder of a `berth up` that runs, in place of settings.
    """
    if environment and repository:
        raise SettingsError("give --environment or --repository, not both")
    if (since and first > 1) or (until and last):
        raise SettingsError("give positions or instants, not both")
    question = Question(environment, repository, first, last, earlier)
    settings = from_environment(environment_of(data_dir))
    return log_commands.export(settings, question, (since, until), out)


@app.command
def verify(
    bundle: Path | None = None,
    *,
    key: list[str] | None = None,
    checkpoint: Path | None = None,
    database: bool = False,
    data_dir: DataDir = None,
) -> int:
    """Say what a bundle proves, or which event in it was altered first.

    It needs neither server nor network. Exits with 0, with 1 if something was altered,
    with 2 if the bundle cannot be read.

    Parameters
    ----------
    bundle
        A file that `berth export` or the API has written.
    key
        The log's public key, as it was told and kept; several, if it was replaced.
    checkpoint
        A file with checkpoints that were kept elsewhere: they, too, must hold.
    database
        In place of a bundle, go through all of the journal in BERTH_DATABASE_URL.
    data_dir
        The folder of a `berth up` that runs, in place of BERTH_DATABASE_URL.
    """
    return verification.verify(
        bundle, key or [], checkpoint, data_dir, database=database
    )


def main() -> None:
    """Every failure that a person can mend is one line, not a traceback."""
    try:
        sys.exit(app())
    except (
        AlreadyRunningError,
        Conflict,
        EnvironmentNotFound,
        Invalid,
        JournalUnavailable,
        LookupError,
        OSError,
        RebuildError,
        ServerStartError,
        SettingsError,
        StreamRefused,
        VaultClosed,
    ) as error:
        sys.exit(f"berth: {error}")


if __name__ == "__main__":
    main()
