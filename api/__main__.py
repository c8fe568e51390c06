"""The command line: `berth up` for one machine, and each part alone for many."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from api import auditing, commands, erasing, first_start, vault_rotation
from api.replay import replay as tell_story
from api.standard_output import standard_output
from api.up_folder import journal_of, settings_of
from domain.errors import (
    Conflict,
    EnvironmentNotFound,
    Invalid,
    JournalUnavailable,
    VaultClosed,
)
from domain.roles import Role
from projections.storage.beside import RebuildError
from projections.storage.failures import FAILURES, reason
from projections.storage.migrate import migrate as apply_migrations
from workers.embedded import ServerStartError
from workers.events.stream import StreamRefused
from workers.settings import SettingsError, from_environment
from workers.supervisor import AlreadyRunningError

app = App(name="berth", help="An open server for shared deployment environments.")
vault = App(name="vault", help="The keys that credentials are encrypted with.")
app.command(vault)
app.command(auditing.log)
app.command(auditing.export)
app.command(auditing.verify)
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
DataDir = Path | None
Days = Annotated[int, Parameter(validator=Number(gte=1, lte=3_650))]


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
    first_start.up(data_dir, port)


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
    for name in apply_migrations(from_environment().database_url):
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
    where = journal_of(data_dir)
    with standard_output():
        tell_story(*where, environment, repository, until, as_json=as_json)


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
    return erasing.erase(settings_of(data_dir), subject, is_sure=yes, force=force)


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
    if data_dir is None:
        return vault_rotation.rotate_by_settings()
    return vault_rotation.rotate_in(data_dir)


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
    except FAILURES as failure:
        if (why := reason(failure)) is None:
            raise
        sys.exit(f"berth: {why}")


if __name__ == "__main__":
    main()
