"""PostgreSQL from a wheel: on a Unix socket, in one folder, as any user or as root."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from signal import SIGINT, SIGQUIT
from urllib.parse import quote

from workers.embedded import postgres_folder
from workers.embedded.ownership import check_link
from workers.embedded.privileges import Account
from workers.embedded.process import ChildProcess, Ending, ServerStartError

_SOCKET = ".s.PGSQL.5432"
_START_SECONDS_MAX = 120
LOCKS_MIN = 64  # What PostgreSQL has by itself.
_RECOVERING, _READY = "starting", "ready   "
# Also where the last one was told to stop before it had recovered.
_CRASHED = re.compile("database system was (interrupted|shut down in recovery)")
_SAID_AFTER_SECONDS, _SAID_EVERY_SECONDS = 3, 60
_SOCKET_LIMIT_BYTES = 107  # a kernel's limit on the path of a socket
# The same for whoever asks: TMPDIR is another in another shell.
SHORT = Path("/tmp")  # noqa: S108 - the folder in it is ours alone, or refused
_STILL_LEAVING = re.compile("shared memory block .* still in use|lock file .* exists")


class EmbeddedPostgres(ChildProcess):
    """PostgreSQL 18 with its data in `folder`, which no one else may be using."""

    name = "postgres"
    endings = (Ending(SIGINT, 20), Ending(SIGQUIT, 5))  # "fast", then "immediate"
    death_signal = SIGINT
    log: Path
    settings: Mapping[str, str] = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "log_checkpoints": "off",
    }

    def __init__(self, folder: Path, *, locks: int = LOCKS_MIN) -> None:
        """`locks` are its `max_locks_per_transaction`."""
        super().__init__()
        self._locks = max(locks, LOCKS_MIN)
        check_link(folder)
        self.folder = folder.resolve()
        self.log = self.folder / "log"
        self._data = self.folder / "data"
        self._sockets = _socket_folder(self.folder)

    @property
    def url(self) -> str:
        """How libpq and psycopg reach it."""
        host = quote(str(self._sockets))
        return f"postgresql://postgres@/{postgres_folder.DATABASE}?host={host}"

    def start(self) -> str:
        """Run it, create what is missing, recover what a crash left; return the URL.

        However long it recovers, it is let: the next one would begin with that anew.
        `ServerStartError` says why it did not start.
        """
        if self.pid is None:
            self.launch()
        began, said_at = time.monotonic(), _SAID_AFTER_SECONDS
        while (status := self._status()) != _READY:
            seconds = time.monotonic() - began
            if status == _RECOVERING and seconds >= said_at:
                self._say_what_takes(seconds)
                said_at += _SAID_EVERY_SECONDS
            elif status != _RECOVERING and seconds > _START_SECONDS_MAX:
                self.kill()
                raise self._failed(f"was not ready in {_START_SECONDS_MAX} s")
            if (code := self.exit_code) is not None:
                # A server that was killed, and its sessions, take a moment to leave.
                if not _STILL_LEAVING.search(self._last_words()):
                    raise self._failed(f"ended with exit code {code}")
                self.pause(0.05)
                self.launch()
            self.pause(0.005)
        return self.url

    def launch(self) -> None:
        """Run it, and do not wait."""
        account = postgres_folder.take(self.folder)
        pid_file = self._data / "postmaster.pid"
        self._end_leftover(pid_file, str(self._data))
        if not pid_file.exists():  # then no server lives that may have locked these
            for name in (_SOCKET, f"{_SOCKET}.lock"):
                (self._sockets / name).unlink(missing_ok=True)
        if not self._data.exists():
            postgres_folder.create(self.folder, account)
        postgres_folder.check_version(self.folder)
        if self._sockets != self.folder:
            _take_socket_folder(self._sockets, account)
        program = postgres_folder.program("postgres")
        settings = {
            **self.settings,
            "max_locks_per_transaction": str(self._locks),
            "unix_socket_directories": str(self._sockets),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._spawn(
            [str(program), "-D", str(self._data), *options],
            account=account,
            reach=(program, self.folder, self._sockets),
            environment=postgres_folder.ENVIRONMENT,
            folder=Path("/"),
        )

    def _status(self) -> str:
        """What it says in the file that `pg_ctl --wait`, too, goes by; if it does."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        return "".join(lines[7:8]) if lines[:1] == [str(self.pid)] else ""

    def _say_what_takes(self, seconds: float) -> None:
        crashed = _CRASHED.search(self._words())
        doing = "recovering from a crash" if crashed else "starting"
        self.say(f"PostgreSQL is {doing}, for {seconds:.0f} s; its log: {self.log}")

    def _words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start_bytes)
            return log.read().decode(errors="replace").strip()

    def _last_words(self) -> str:
        return self._words()[-4000:]

    def _failed(self, how: str) -> ServerStartError:
        return ServerStartError(f"PostgreSQL {how}; {self.log}:\n{self._last_words()}")


def _socket_folder(folder: Path) -> Path:
    """`folder` itself, or one with a short, plain name if libpq could not take it."""
    plain = re.fullmatch(r"[\w./+-]+", str(folder), re.ASCII)
    if plain and len(os.fsencode(folder / _SOCKET)) <= _SOCKET_LIMIT_BYTES:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return SHORT / f"berth-{name}"


def _take_socket_folder(folder: Path, account: Account | None) -> None:
    """Create it for us alone; refuse it if somebody else was there first."""
    owner = account.uid if account else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if (found.st_uid, found.st_mode & 0o170077) != (owner, 0o040000):
            raise ServerStartError(f"{folder} exists and is not ours alone") from None
