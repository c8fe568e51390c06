"""One task that runs, from its worker's side: begun, stopped in time, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from typing import Any, Final

import structlog

from workers.running.assignment import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.conversation import Conversation
from workers.running.keeper import KILL, NUMBER, TERMINATE
from workers.running.masks import Masks
from workers.running.system import children, kill
from workers.running.task_line import TaskLine

log = structlog.get_logger()
HandOver = Callable[[list[int]], Awaitable[None]]
Pair = tuple[socket.socket, socket.socket]
# A fork server that ended is back within a second, or something is wrong with it; and
# with one that took a task, and has nobody say so.
HAND_OVER_SECONDS_MAX: Final = 30
# A process that is not ours to end, or waits for a disk, may never end.
KILL_SECONDS_MAX: Final = 10
_BUFFER_BYTES: Final = 1 << 16
_NO_FORK_SERVER = Failed(
    FailureKind.NOT_BEGUN, "the worker's fork server was not there to start the task"
)
_NO_KEEPER = Failed(
    FailureKind.NOT_BEGUN, "the worker had no process for the task, or no folder"
)


class Run:
    """Made, carried out once, and thrown away."""

    def __init__(
        self, assignment: Assignment, listener: Listener, grace_seconds: float
    ) -> None:
        """`OSError` if this process, or the system, can open no more files."""
        self._assignment = assignment
        self._grace_seconds = grace_seconds
        self._masks = Masks()
        self._conversation = Conversation(assignment, listener, self._masks)
        channel, self._line, self._output = _connections()
        self._channel, self._keepers_channel = channel
        self._channel.setblocking(False)
        self._stopped: Ending | None = None
        self._keeper: int | None = None  # its process
        self.killed_keeper: int | None = None  # the same, if it could not tidy up
        self.is_handed_over = False
        self._patience = asyncio.timeout(HAND_OVER_SECONDS_MAX)
        self._timers: list[asyncio.TimerHandle] = []

    def stop(self, ending: Ending) -> None:
        """Have it end this way, politely first, unless it is over already."""
        if self._stopped is None and not self._conversation.is_over:
            self._stopped = ending
            self._stop_waiting()
            self._say(TERMINATE)
            self._later(self._grace_seconds, self._kill)

    def kill(self, ending: Ending) -> None:
        """Have it end this way now, unless it is over already."""
        if self._stopped is None and not self._conversation.is_over:
            self._stopped = ending
        self._stop_waiting()
        self._kill()

    async def carry_out(self, hand_over: HandOver) -> Ending:
        """Give the descriptors to a fork server, and see the task to its end."""
        ours, theirs = self._line
        reading, writing = self._output
        with self._keepers_channel, theirs:
            try:
                async with self._patience:
                    await hand_over(
                        [self._keepers_channel.fileno(), theirs.fileno(), writing]
                    )
                    self.is_handed_over = True
            except TimeoutError:
                return self._stopped or _NO_FORK_SERVER
            finally:
                os.close(writing)
                if not self.is_handed_over:
                    self._forget_timers()
                    ours.close()
                    os.close(reading)
                    self._channel.close()
        line = TaskLine(ours)
        output, pipe = await _reader_of(reading)
        talk = asyncio.create_task(self._conversation.converse(line))
        talk.add_done_callback(lambda _: line.close())
        capture = asyncio.create_task(self._conversation.capture(output))
        for one in (talk, capture):
            one.add_done_callback(self._kill_if_over)
        try:
            status = await self._status()
            await self._conversation.last_words(talk, capture)
        finally:
            self._forget_timers()
            for one in (talk, capture):
                one.cancel()
            pipe.close()
            self._channel.close()  # if the keeper is still there, it ends now
        await self._conversation.close()
        return self._ending(status)

    def _stop_waiting(self) -> None:
        """For a fork server, if that is where it is."""
        if not (self.is_handed_over or self._patience.expired()):
            self._patience.reschedule(asyncio.get_running_loop().time())

    def _kill_if_over(self, one: asyncio.Task[None]) -> None:
        """Nothing counts that it may still do after it said how it ended."""
        if not one.cancelled() and (one.exception() or self._conversation.outcome):
            self._kill()

    def _kill(self) -> None:
        if not self._conversation.has_ended and self._say(KILL):
            self._later(KILL_SECONDS_MAX, self._give_up)

    def _give_up(self) -> None:
        """Its keeper is of no use, and without it what is left is the fork server's."""
        log.error(
            "a task's processes do not end",
            operation_id=self._assignment.operation_id,
            attempt=self._assignment.attempt,
            keeper=self._keeper,
            processes=children(self._keeper) if self._keeper else [],
        )
        if self._keeper:
            kill(self._keeper)
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RD)

    def _ending(self, status: int | None) -> Ending:
        # Who has it says who he is before anything else.
        silent = _ending_of(status) if self._keeper else _NO_KEEPER
        ended = self._stopped or self._conversation.outcome or silent
        match ended:
            case Completed(result=result):
                return Completed(self._masks.hide_within(result))
            case Failed(kind=kind, message=message, stack=stack):
                hide = self._masks.hide
                return Failed(kind, hide(message), stack and hide(stack))
            case Cancelled():
                return ended

    async def _status(self) -> int | None:
        """How the task ended; None if its keeper was killed, or is given up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS_MAX):
                self._keeper = await self._number()
        if self._keeper is None:
            return None
        if seconds := self._assignment.timeout_seconds:
            told = f"the task ran longer than the {seconds:g} s that it may"
            late = Failed(FailureKind.TIMED_OUT, told)
            self._later(seconds, lambda: self.stop(late))
        status = await self._number()
        if status is None:
            self.killed_keeper = self._keeper
        self._forget_timers()
        self._conversation.end()
        await self._number()  # there is none: its folder is gone
        return status

    async def _number(self) -> int | None:
        """The next one that the keeper tells; None if it tells nothing any more."""
        loop = asyncio.get_running_loop()
        said = b""
        with suppress(ConnectionError):
            while len(said) < NUMBER.size:
                news = await loop.sock_recv(self._channel, NUMBER.size - len(said))
                if not news:
                    return None
                said += news
        return int(NUMBER.unpack(said)[0]) if len(said) == NUMBER.size else None

    def _say(self, word: bytes) -> bool:
        """Whether the keeper is there to hear it; else nothing is left to be said."""
        try:
            return self._channel.send(word) > 0
        except OSError:
            return False

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, do))


def _connections() -> tuple[Pair, Pair, tuple[int, int]]:
    """To a task's keeper, and to the task itself; and what it writes: all, or none."""
    with ExitStack() as opened:
        to_keeper, to_task = _pair(opened), _pair(opened)
        written = os.pipe()
        opened.pop_all()
    return to_keeper, to_task, written


def _pair(opened: ExitStack) -> Pair:
    one, other = socket.socketpair()
    return opened.enter_context(one), opened.enter_context(other)


async def _reader_of(pipe: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
    )
    return reader, transport


def _ending_of(status: int | None) -> Failed:
    """What to say of a task that ended without a word."""
    if status is None:
        return Failed(FailureKind.LOST, "the task's processes were ended from outside")
    code: Any = os.waitstatus_to_exitcode(status)
    if code >= 0:
        told = f"the handler's process exited with {code}, without a result"
        return Failed(FailureKind.EXITED, told)
    name = signal.strsignal(-code) or "unknown"
    return Failed(FailureKind.KILLED, f"signal {-code} ended the task: {name}")
