"""A child process: dies with us, stops when asked, is found again after a crash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import NamedTuple, Self

from workers.embedded.privileges import Account, capability_for
from workers.giving_way import give_way

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_LOG_LIMIT_BYTES = 16 << 20


class ServerStartError(RuntimeError):
    """A server did not start; the message says why and shows the end of its log."""


class Ending(NamedTuple):
    """One way of asking a process to end, and how long it has to comply."""

    signal: Signals
    seconds: float


class ChildProcess(ABC):
    """One program that we run, and may run again after it ended.

    Start it from a thread that lives as long as it should: the kernel ends the child
    with the *thread* that started it (Linux).
    """

    name: str
    endings: Sequence[Ending] = (Ending(SIGTERM, 10),)
    death_signal: Signals = SIGKILL
    log: Path | None = None
    gives_way = False  # where the CPU is scarce

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._group: int | None = None
        self._log_start_bytes = 0  # where this run begins in a log of several
        # Whoever keeps it may end a wait by an exception, and be told why it is long.
        self.pause: Callable[[float], object] = time.sleep
        self.say: Callable[[str], object] = lambda _: None

    @abstractmethod
    def start(self) -> object:
        """Run it, and wait until it is ready, with `pause`."""

    @abstractmethod
    def launch(self) -> None:
        """Run it, and do not wait."""

    def is_stuck(self) -> bool:
        """Whether it runs, and yet is of no use until it is started again."""
        return False

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self.exit_code is None else None

    @property
    def exit_code(self) -> int | None:
        """What it ended with: minus the signal's number if a signal ended it."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Ask it to end, ever less politely; it has ended when this returns."""
        for ending in self.endings:
            if self.pid is None:
                break
            self._signal(ending.signal)
            with suppress(subprocess.TimeoutExpired):
                self._process and self._process.wait(ending.seconds)
        self.kill()

    def kill(self) -> None:
        """End it now, and whatever it started and left behind."""
        if self._process and self._group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, SIGKILL)
            self._process.wait()
            self._group = None  # from here on the number may be another's

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end_leftover(self, pid_file: Path, argument: str) -> None:
        """End the server that an earlier run left behind, if `pid_file` names one.

        Only a process with `argument` in its command line is meant: after a reboot the
        same number may be anybody's, and then the file must not keep the next server
        from starting.
        """
        try:
            pid = int(pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        for ending in (*self.endings, Ending(SIGKILL, 5)):
            if argument not in _command_line(pid):
                pid_file.unlink(missing_ok=True)
                return
            with suppress(ProcessLookupError):
                os.kill(pid, ending.signal)
            wait_for(
                lambda: argument not in _command_line(pid), ending.seconds, self.pause
            )

    def _signal(self, number: Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def _spawn(
        self,
        command: Sequence[str],
        *,
        account: Account | None = None,
        reach: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Run `command` in a session of its own, so that Ctrl-C reaches only us."""
        program = shutil.which(command[0]) or command[0]
        output = _open_log(self.log, account) if self.log else None
        if output is not None:
            self._log_start_bytes = os.fstat(output).st_size
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ours to choose
                [
                    *launcher(self.death_signal, account, reach),
                    program,
                    *command[1:],
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
            self._group = self._process.pid
            if self.gives_way:
                give_way(self._group)
        finally:
            if output is not None:
                os.close(output)


def launcher(
    death_signal: Signals, account: Account | None, reach: Sequence[Path] = ()
) -> list[str]:
    """What to put before a command, so that it dies with us and runs as `account`.

    `reach` is the files and folders which that account must be able to get at.
    """
    capability = capability_for(account, reach)
    numbers = (
        os.getpid(),
        death_signal.value,
        account.uid if account else -1,
        account.gid if account else -1,
        -1 if capability is None else capability,
    )
    return [sys.executable, "-I", "-S", _LAUNCH, *map(str, numbers)]


def wait_for(
    condition: Callable[[], bool],
    seconds: float,
    pause: Callable[[float], object] = time.sleep,
) -> bool:
    """Whether `condition` came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < deadline:
        pause(0.005)
    return true


def _command_line(pid: int) -> str:
    """A process's arguments; empty if it has ended, even if nobody has noticed yet."""
    try:
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/cmdline").read_text(errors="surrogateescape")
        else:
            ask = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
            done = subprocess.run(ask, capture_output=True, text=True, check=False)  # noqa: S603
            return done.stdout
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _open_log(path: Path, account: Account | None) -> int:
    if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
        path.rename(path.with_suffix(".old"))
    # The folder may belong to the account: root must not follow a link out of it.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    log = os.open(path, flags, 0o600)
    if account:
        os.fchown(log, account.uid, account.gid)
    return log
