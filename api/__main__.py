"""The command line: `berth up` for one machine, and each part alone for many.

What a command takes is loaded once it is asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TextIO

from cyclopts import App


def version() -> str:
    """What is installed."""
    from importlib.metadata import version  # noqa: PLC0415 - only once it is asked for

    return version("berth-server")


STDERR = 2
INTERRUPTED = 130  # By a Ctrl-C, as shells have it.

app = App(
    name="berth",
    help="An open server for shared deployment environments.",
    version=version,
)
vault = App(name="vault", help="The keys that credentials are encrypted with.")
app.command(vault)
VERIFY = """Say what a bundle proves, or which event in it was altered first.

That takes neither server nor network. With --data-dir or --database, go through
all of a journal, and name whatever was altered in it. Exits with 0, with 1 if
something was altered, with 2 if that cannot be said."""
LOCK = """Wait for an environment, run a command that alone has it, and give it back.

The lease is renewed for as long as the command runs, and the command is ended
if the lock is lost. Without a command, print the ticket and keep the lock, for
`berth unlock` to give back. In whose name: BERTH_TOKEN.

Exits with what the command does, and with 128 and its number if a signal ended
it; 124 if the environment was not free within --wait; 125 if Berth failed, or
the lock was lost before the command's end; 126 or 127 if there is no such
command; 2 if these words make no sense."""
UNLOCK = """Give back the lock of an environment, or a place in its queue.

Twice is once. In whose name: BERTH_TOKEN. Exits with 125 if Berth failed."""
TAKES_MORE = """\
what is installed here is enough for `berth lock` alone; the rest takes
berth-server[server], and `berth up` berth-server[embedded]"""
LOCKS = """Tell who has which environment, for how long at most, and how many wait.

Of one environment, who has it and who waits for it, each with the ticket that
`berth unlock` takes. In whose name: BERTH_TOKEN. Exits with 125 if Berth failed."""
# By name: where it is, and what its own docstring says that it does.
COMMANDS = {
    "up": (
        "api.commands.first_start:up",
        "Run everything on this machine: PostgreSQL, NATS, the API and a worker.",
    ),
    "api": (
        "api.commands.processes:serve_api",
        "Run the API alone, with the settings of the environment.",
    ),
    "worker": (
        "api.commands.processes:run_worker",
        "Run a worker alone, with the settings of the environment.",
    ),
    "migrate": (
        "api.commands.migrating:migrate",
        "Bring the database's schema up to date.",
    ),
    "rebuild": (
        "api.commands.rebuilding:rebuild",
        "Build views anew from the journal, while the server runs.",
    ),
    "replay": (
        "api.commands.replay:replay",
        "Tell what happened to an environment, also if it was deleted.",
    ),
    "erase": (
        "api.commands.erasing:erase",
        "Erase a person: destroy the key under which all that names them is kept.",
    ),
    "lock": ("api.commands.locking:lock", LOCK),
    "locks": ("api.commands.looking:locks", LOCKS),
    "unlock": ("api.commands.locking:unlock", UNLOCK),
    "token": (
        "api.commands.issuing:token",
        "Print a token for a person, signed with BERTH_SECRET.",
    ),
    "log": ("api.commands.auditing:log", "The seal over the journal, and its keys."),
    "export": (
        "api.commands.auditing:export",
        "Write a bundle of events, each with the proof that it was sealed, or a table.",
    ),
    "verify": ("api.commands.auditing:verify", VERIFY),
}
for name, (where, what) in COMMANDS.items():
    app.command(where, name=name, help=what)
vault.command(
    "api.commands.vault_rotation:rotate_vault",
    name="rotate",
    help="Put every credential under the newest of BERTH_VAULT_KEYS, while Berth"
    " serves.",
)


def main() -> None:
    """Every failure that a person can mend is one line, not a traceback."""
    if sys.stderr is None:
        sys.stderr = _nowhere()
    try:
        # Nothing of what is loaded is garbage, nor looked through again and again.
        gc.disable()
        command, given, _ = app.parse_args()
        gc.freeze()
        gc.enable()
        sys.exit(command(*given.args, **given.kwargs))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if (line := _line_of(error)) is None:
            raise
        sys.exit(f"berth: {line}")


def _nowhere() -> TextIO:
    """For who began without standard error: what is told there is lost, and no more.

    That of the processes which are started from here, too.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    if nowhere != STDERR:
        os.close(nowhere)
    return os.fdopen(STDERR, "w")


def _line_of(error: Exception) -> str | None:
    try:
        from api.commands.failing import line_of  # noqa: PLC0415 - only once something failed
    except ModuleNotFoundError:  # What is installed is for pipelines.
        return TAKES_MORE if isinstance(error, ImportError) else None
    return line_of(error)


if __name__ == "__main__":
    main()
