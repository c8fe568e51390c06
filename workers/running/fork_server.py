"""Starts tasks within milliseconds: a process that has all handlers imported forks.

The standard library's `multiprocessing.forkserver` has neither process groups nor a
way to end what a task leaves behind, and there can be but one of it in a process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec
import structlog

from workers.running.assignment import (
    Assignment,
    Cancelled,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.folders import remove, remove_of
from workers.running.handlers import Handlers
from workers.running.held import made_in, sweep
from workers.running.run import Run
from workers.running.wire import LENGTH, Ready, Setting, frame

log = structlog.get_logger()
GRACE_SECONDS: Final = 10.0
_START_SECONDS_MAX: Final = 60
_AGAIN_SECONDS: Final = 1
_FIRST_TRIES: Final = 3
_LEAVE_SECONDS_MAX: Final = 5
_BUSY_SECONDS: Final = 0.002
_PASSED_ON: Final = ("PATH", "LANG", "TZ")
_COMMAND = [sys.executable, "-I", "-m", "workers.running.forking"]
_LOST = Failed(FailureKind.LOST, "the worker's fork server ended, and the task with it")
_CLOSED = Failed(FailureKind.LOST, "the worker stopped")


class ForkServerError(RuntimeError):
    """The process that forks tasks does not start; its standard error tells why."""


class ForkServer:
    """Runs tasks for one worker process, any number at once.

    Enter it in the main thread: the kernel ends the fork server with the thread that
    started it (Linux).
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        grace_seconds: float = GRACE_SECONDS,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where tasks have their temporary ones: the system's, if None."""
        self._handlers = handlers
        self._grace_seconds = grace_seconds
        self._folder = folder
        self._runs: dict[tuple[str, int], Run] = {}  # by operation and attempt
        self._up = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._timeouts: dict[str, float | None] = {}
        self.unusable: dict[str, str] = {}  # types whose handler cannot be imported

    @property
    def pid(self) -> int | None:
        """Of the process that forks, while it is up."""
        return self._process.pid if self._process and self._up.is_set() else None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(sweep, self._folder)
        self._root, self._holding = made_in(self._folder)
        try:
            await self._start_first()
        except BaseException:
            self._forget()
            self._remove_root()
            raise
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End whatever still runs."""
        self._watching.cancel()
        for run in self._runs.values():
            run.kill(_CLOSED)
        await self._leave()
        self._forget()
        await asyncio.to_thread(self._remove_root)

    async def run(self, assignment: Assignment, listener: Listener) -> Ending:
        """Carry it out in a process of its own; return how it ended.

        Cancelling this call ends the task at once. `ValueError` if the same attempt
        runs here already. Another one of the same operation may: what lost its lease
        takes a while to end.
        """
        key = (assignment.operation_id, assignment.attempt)
        if key in self._runs:
            raise ValueError(f"{assignment} runs here already")
        try:
            run = Run(self._with_timeout(assignment), listener, self._grace_seconds)
        except OSError as error:
            return Failed(FailureKind.NOT_BEGUN, f"the worker has no room: {error}")
        self._runs[key] = run
        try:
            ending = await run.carry_out(self._hand_over)
            if keeper := run.killed_keeper:
                await asyncio.to_thread(remove_of, keeper, self._root)
            return ending
        finally:
            del self._runs[key]

    def cancel(self, operation_id: str, attempt: int) -> bool:
        """Have it stop: SIGTERM, grace, SIGKILL. False if it does not run here.

        Its `run` answers `Cancelled`, unless it had returned before.
        """
        run = self._runs.get((operation_id, attempt))
        if run:
            run.stop(Cancelled())
        return run is not None

    def _with_timeout(self, assignment: Assignment) -> Assignment:
        if assignment.timeout_seconds is not None:
            return assignment
        seconds = self._timeouts.get(assignment.task_type)
        return msgspec.structs.replace(assignment, timeout_seconds=seconds)

    async def _hand_over(self, descriptors: list[int]) -> None:
        while True:
            await self._up.wait()
            assert self._socket
            try:
                socket.send_fds(self._socket, [b"F"], descriptors)
            except ConnectionError:  # it ended this moment: the next one will do it
                self._up.clear()
            except OSError:  # it is not as quick as we are
                await asyncio.sleep(_BUSY_SECONDS)
            else:
                return

    async def _watch(self) -> None:
        """Start it again whenever it ended."""
        while True:
            loop = asyncio.get_running_loop()
            with suppress(OSError):
                assert self._socket
                await loop.sock_recv(self._socket, 1)
            log.warning("fork server ended", running=len(self._runs))
            self._up.clear()
            for run in self._runs.values():
                if run.is_handed_over:  # the next one will start the others
                    run.kill(_LOST)
            self._forget()
            while not self._up.is_set():
                try:
                    await self._start()
                except Exception:  # whatever it is, tasks wait for the next one
                    self._forget()
                    log.exception("fork server does not start")
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def _start_first(self) -> None:
        """Whatever ended it once may be over; then it is something else."""
        for _ in range(_FIRST_TRIES - 1):
            with suppress(ForkServerError):
                return await self._start()
            self._forget()
        return await self._start()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        with theirs:
            self._process = self._spawn(theirs)
        try:
            async with asyncio.timeout(_START_SECONDS_MAX):
                ready = await _introduce(
                    ours, Setting(self._handlers.references, self._root)
                )
        except (EOFError, OSError, TimeoutError, msgspec.DecodeError) as error:
            raise ForkServerError(f"no answer from {_COMMAND}: {error!r}") from None
        self.unusable, self._timeouts = ready.unusable, ready.timeouts
        for task_type, why in ready.unusable.items():
            log.error("task type unusable", task_type=task_type, reason=why)
        if ready.threads > 1:
            log.warning("a handler's import started threads", threads=ready.threads)
        self._up.set()

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        """In a session of its own, so that Ctrl-C reaches only us."""
        return subprocess.Popen(  # noqa: S603 - ours to choose
            [*_COMMAND, str(os.getpid())],
            stdin=theirs.fileno(),
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            cwd="/",
            start_new_session=True,
        )

    def _remove_root(self) -> None:
        remove(Path(self._root))
        os.close(self._holding)

    async def _leave(self) -> None:
        """Wait until it has ended all its processes, and they their folders."""
        if self._socket and self._process:
            self._socket.close()
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, _LEAVE_SECONDS_MAX)

    def _forget(self) -> None:
        """End it, if it has not ended. It has no task that would not outlive it."""
        if self._socket:
            self._socket.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None


async def _introduce(ours: socket.socket, setting: Setting) -> Ready:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(ours, frame(setting))
    (length,) = LENGTH.unpack(await _exactly(ours, LENGTH.size))
    return msgspec.json.decode(await _exactly(ours, length), type=Ready)


async def _exactly(ours: socket.socket, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        news = await asyncio.get_running_loop().sock_recv(ours, size - len(heard))
        if not news:
            raise EOFError("it ended")
        heard += news
    return heard
