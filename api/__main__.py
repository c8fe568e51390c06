"""The command line: `berth up` for one machine, and each part alone for many."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from api import commands
from domain.errors import Conflict, Invalid, JournalUnavailable, VaultClosed
from domain.roles import Role
from projections.storage.rebuild import RebuildError
from workers.embedded import ServerStartError
from workers.events.stream import StreamRefused
from workers.settings import SettingsError
from workers.supervisor import AlreadyRunningError

app = App(name="berth", help="An open server for shared deployment environments.")
vault = App(name="vault", help="The keys that credentials are encrypted with.")
app.command(vault)
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
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
def rebuild(view: str) -> None:
    """Build a view anew from the journal, while the server runs.

    Parameters
    ----------
    view
        Its name: environment_listing, audit_log, release_history or directory; or
        events, which is the stream in NATS.
    """
    commands.rebuild_view(view)


@app.command
def erase(subject: str, *, yes: bool = False, force: bool = False) -> int:
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
    """
    return commands.erase(subject, is_sure=yes, force=force)


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


def main() -> None:
    """Every failure that a person can mend is one line, not a traceback."""
    try:
        sys.exit(app())
    except (
        AlreadyRunningError,
        Conflict,
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
