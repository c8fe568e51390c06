"""Keeps the processes of `berth up`: starts them, restarts them, stops them in order.

    with Supervisor(data_dir) as supervisor:
        postgres = supervisor.keep(EmbeddedPostgres(data_dir / "postgres"))
        supervisor.keep(Command("api", [sys.executable, "-m", "api", "api"], {...}))
        supervisor.wait_until(answers, seconds=30)
        print("ready")
        supervisor.watch()

On the way out, whatever the reason, all of them are stopped, the last one first.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TypeVar

from workers.embedded.process import ChildProcess, Ending, ServerStartError
from workers.say import say

_FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 5.0
_STABLE_SECONDS = 10.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Child = TypeVar("Child", bound=ChildProcess)


class AlreadyRunningError(RuntimeError):
    """Another `berth up` runs on the same data folder."""


class Stopped(KeyboardInterrupt):
    """We were told to stop. The supervisor's `with` block ends quietly on it."""


class Command(ChildProcess):
    """A program that runs beside us and shares our output.

    If we are killed, it is killed too (Linux), and cannot end children of its own: let
    each of them call `workers.embedded.launch.die_with_parent`.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        grace_seconds: float = 10,
    ) -> None:
        super().__init__()
        self.name = name
        self.endings = (Ending(signal.SIGTERM, grace_seconds),)
        self._arguments = arguments
        self._environment = os.environ | dict(environment or {})

    def start(self) -> None:
        """Run it; it is not known when it is ready."""
        self.launch()

    def launch(self) -> None:
        """Run it."""
        self._spawn(self._arguments, environment=self._environment)


@dataclass
class _Kept:
    child: ChildProcess
    started_at: float
    backoff_seconds: float = _FIRST_BACKOFF_SECONDS
    due_at: float | None = None  # when to start it again; None: it runs


class Supervisor:
    """The one keeper of a data folder. For the main thread, as signals go there."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._kept: list[_Kept] = []
        self._told_to_stop = False
        self._interrupts = False
        self._wakeup = -1
        self._undo = ExitStack()

    def keep(self, child: Child) -> Child:
        """Start a child, wait until it is ready, and from now on keep it running."""
        self._raise_if_told()
        self._kept.append(_Kept(child, time.monotonic()))
        child.pause, child.say = self._pause, say
        child.start()
        return child

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """A signal ends whatever the block waits for: a database elsewhere, say.

        Not while a child is started: it could be lost between its start and our notice.
        """
        self._raise_if_told()
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for it; `ServerStartError` if a child ends first or time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            for child in (kept.child for kept in self._kept):
                if (code := child.exit_code) is not None:
                    raise ServerStartError(f"{child.name} {_how_it_ended(code)}")
            if time.monotonic() > deadline:
                raise ServerStartError(f"not ready in {seconds:g} s")
            self._pause(0.02)

    def watch(self) -> None:
        """Start again whatever ends, until a signal tells us to stop."""
        while not self._told_to_stop:
            now = time.monotonic()
            for kept in self._kept:
                self._tend(kept, now)
            waiting = [kept.due_at - now for kept in self._kept if kept.due_at]
            self._sleep(min(waiting, default=1.0))

    def _tend(self, kept: _Kept, now: float) -> None:
        if kept.due_at is None and (code := kept.child.exit_code) is not None:
            self._put_off(kept, _how_it_ended(code))
        elif kept.due_at is None and kept.child.is_stuck():
            kept.child.stop()
            self._put_off(kept, "was stuck")
        elif kept.due_at is not None and now >= kept.due_at:
            kept.started_at, kept.due_at = now, None
            try:
                kept.child.launch()
            except (OSError, ServerStartError) as error:
                self._put_off(kept, f"could not be started: {error}")

    def _put_off(self, kept: _Kept, why: str) -> None:
        kept.child.kill()  # what it started and left behind
        now = time.monotonic()
        if now - kept.started_at >= _STABLE_SECONDS:
            kept.backoff_seconds = _FIRST_BACKOFF_SECONDS
        kept.due_at = now + kept.backoff_seconds
        log = f" (its log: {kept.child.log})" if kept.child.log else ""
        again = f"starting it again in {kept.backoff_seconds:g} s"
        say(f"{kept.child.name} {why}; {again}{log}")
        kept.backoff_seconds = min(kept.backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)

    def __enter__(self) -> Self:
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._undo:
            self._lock()
            self._listen_for_signals()
            self._undo = self._undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        with self._undo:
            for kept in reversed(self._kept):
                kept.child.stop()
        return isinstance(error, Stopped)

    def _lock(self) -> None:
        path = self._data_dir / "berth.lock"
        # Whosever folder it is, he must not have root empty a file elsewhere.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._undo.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode() or "unknown"
            raise AlreadyRunningError(
                f"another `berth up` (process {holder}) runs on {self._data_dir}"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())

    def _listen_for_signals(self) -> None:
        """Have every signal write a byte to a pipe, which is all that we ever wait for.

        A handler must not take a lock, since the code that it interrupts may hold it.
        """
        self._wakeup, writing = os.pipe()
        for end in (self._wakeup, writing):
            os.set_blocking(end, False)
            self._undo.callback(os.close, end)
        previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, previous)
        for number in _STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handle(number, self._on_stop_signal)
        self._handle(signal.SIGCHLD, lambda *_: None)  # so that it wakes us

    def _handle(
        self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        self._undo.callback(signal.signal, number, signal.signal(number, handler))

    def _on_stop_signal(self, number: int, _: FrameType | None) -> None:
        if self._told_to_stop and number == signal.SIGINT:  # Ctrl-C, and again
            for kept in reversed(self._kept):
                if kept.child.pid:
                    with suppress(ProcessLookupError):
                        os.killpg(kept.child.pid, signal.SIGKILL)
            os._exit(128 + number)
        self._told_to_stop = True
        if self._interrupts:
            self._interrupts = False
            raise Stopped

    def _raise_if_told(self) -> None:
        if self._told_to_stop:
            raise Stopped

    def _pause(self, seconds: float) -> None:
        """Sleep likewise; `Stopped` once a signal has told us to stop."""
        self._sleep(seconds)
        self._raise_if_told()

    def _sleep(self, seconds: float) -> None:
        """Sleep so long at most, and less if a signal comes."""
        select.select([self._wakeup], [], [], max(0, seconds))
        with suppress(BlockingIOError):
            os.read(self._wakeup, 4096)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
