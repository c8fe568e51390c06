"""One task that runs, from its worker's side: listens, answers, stops it in time."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from domain.errors import DomainError, JournalUnavailable, VaultClosed
from workers.running.assignment import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.captured import Captured
from workers.running.keeper import KILL, STATUS, TERMINATE
from workers.running.masks import Masks
from workers.running.wire import (
    FRAME_BYTES_MAX,
    LENGTH,
    MESSAGE_CHARACTERS_MAX,
    RESULT_LEVELS_MAX,
    STACK_CHARACTERS_MAX,
    Answered,
    Asked,
    Ended,
    Progressed,
    RefusedToAnswer,
    Returned,
    Said,
    Waits,
    bounded,
    frame,
    nests_deeper,
)

HandOver = Callable[[list[int]], Awaitable[None]]
_CHUNK_BYTES: Final = 1 << 16
# What ended has closed its ends. Who was given them outside of the task may hold them.
_LAST_WORDS_SECONDS: Final = 2
# A fork server that ended is back within a second, or something is wrong with it.
HAND_OVER_SECONDS_MAX: Final = 30
_CREDENTIALS: Final = "credentials"
_NO_FORK_SERVER = Failed(
    FailureKind.LOST, "the worker's fork server was not there to start the task"
)
_GARBLED = Failed(
    FailureKind.GARBLED, "what the task said to its worker makes no sense"
)


class Run:
    """Made, carried out once, and thrown away."""

    def __init__(
        self, assignment: Assignment, listener: Listener, grace_seconds: float
    ) -> None:
        self._assignment = assignment
        self._listener = listener
        self._grace_seconds = grace_seconds
        self._masks = Masks()
        self._captured = Captured(self._masks)
        self._channel, self._keepers_channel = socket.socketpair()
        self._channel.setblocking(False)
        self._outcome: Completed | Failed | None = None
        self._stopped: Ending | None = None
        self.is_handed_over = False
        self._patience = asyncio.timeout(HAND_OVER_SECONDS_MAX)
        self._timers: list[asyncio.TimerHandle] = []
        self._answering = False
        self._logging = False

    def stop(self, ending: Ending) -> None:
        """Have it end this way, politely first, unless it has an outcome already."""
        if self._outcome is None and self._stopped is None:
            self._stopped = ending
            self._stop_waiting()
            self._say(TERMINATE)
            self._later(self._grace_seconds, lambda: self._say(KILL))

    def kill(self, ending: Ending) -> None:
        """Have it end this way now, unless it has an outcome already."""
        if self._outcome is None and self._stopped is None:
            self._stopped = ending
        self._stop_waiting()
        self._say(KILL)

    async def carry_out(self, hand_over: HandOver) -> Ending:
        """Give the descriptors to a fork server, and see the task to its end."""
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
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
        line, written = await asyncio.open_connection(sock=ours, limit=FRAME_BYTES_MAX)
        output, pipe = await _reader_of(reading)
        conversation = asyncio.create_task(self._converse(line, written))
        capture = asyncio.create_task(self._capture(output))
        both = {conversation, capture}
        for one in both:
            one.add_done_callback(self._kill_if_failed)
        try:
            status = await self._status()
            await self._last_words(conversation, capture)
        finally:
            self._forget_timers()
            for one in both:
                one.cancel()
            written.close()
            pipe.close()
            self._channel.close()  # if the keeper is still there, it ends now
        if last := self._captured.close():
            await self._listener.logged(last)
        return self._ending(status)

    def _stop_waiting(self) -> None:
        """For a fork server, if that is where it is."""
        if not (self.is_handed_over or self._patience.expired()):
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _last_words(
        self, conversation: asyncio.Task[None], capture: asyncio.Task[None]
    ) -> None:
        """What was said and written before the end; what a listener raised."""
        if self._answering:  # nobody is left to be answered
            conversation.cancel()
        waiting = {conversation, capture}
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=_LAST_WORDS_SECONDS)
            for one in done:
                if not one.cancelled():
                    one.result()
            if not (done or self._logging):
                return

    def _kill_if_failed(self, one: asyncio.Task[None]) -> None:
        if not one.cancelled() and one.exception():
            self._say(KILL)

    def _ending(self, status: int | None) -> Ending:
        ended = self._stopped or self._outcome or _ending_of(status)
        match ended:
            case Completed(result=result):
                return Completed(self._masks.hide_within(result))
            case Failed(kind=kind, message=message, stack=stack):
                hide = self._masks.hide
                return Failed(kind, hide(message), stack and hide(stack))
            case Cancelled():
                return ended

    async def _status(self) -> int | None:
        """How the task ended; None if its keeper was killed."""
        if seconds := self._assignment.timeout_seconds:
            told = f"the task ran longer than the {seconds:g} s that it may"
            late = Failed(FailureKind.TIMED_OUT, told)
            self._later(seconds, lambda: self.stop(late))
        loop = asyncio.get_running_loop()
        said = b""
        with suppress(ConnectionError):
            while len(said) < STATUS.size:
                news = await loop.sock_recv(self._channel, STATUS.size - len(said))
                if not news:
                    return None
                said += news
        return int(STATUS.unpack(said)[0]) if len(said) == STATUS.size else None

    async def _converse(
        self, line: asyncio.StreamReader, written: asyncio.StreamWriter
    ) -> None:
        try:
            written.write(frame(self._assignment))
            while self._outcome is None:
                await self._heed(await _next(line), written)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # it ended, or closed its end: how it ends tells the rest
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._outcome = _GARBLED
        self._say(KILL)  # nothing that it may still do counts

    async def _heed(self, said: Said, written: asyncio.StreamWriter) -> None:
        match said:
            case Progressed(percent=percent, message=message):
                message = self._readable(message, MESSAGE_CHARACTERS_MAX)
                await self._listener.progressed(percent, message)
            case Waits(is_waiting=is_waiting):
                await self._listener.waits(is_waiting=is_waiting)
            case Asked():
                written.write(frame(await self._answer(said)))
                await written.drain()
            case Returned(result=raw):
                result = msgspec.json.decode(raw)
                deep = nests_deeper(result, RESULT_LEVELS_MAX)
                self._outcome = _GARBLED if deep else Completed(result)
            case Ended(kind=kind, message=message, stack=stack):
                self._outcome = Failed(
                    kind,
                    self._readable(message, MESSAGE_CHARACTERS_MAX),
                    stack and self._readable(stack, STACK_CHARACTERS_MAX),
                )

    async def _answer(self, asked: Asked) -> Answered | RefusedToAnswer:
        self._answering = True
        try:
            answer = await self._listener.ask(asked.kind, asked.arguments)
        except (DomainError, JournalUnavailable, VaultClosed) as error:
            code = getattr(error, "code", "UNAVAILABLE")
            return RefusedToAnswer(asked.number, code, str(error))
        finally:
            self._answering = False
        answer = msgspec.to_builtins(answer)
        if asked.kind == _CREDENTIALS:
            self._masks.learn(answer)
        return Answered(asked.number, answer)

    async def _capture(self, output: asyncio.StreamReader) -> None:
        while chunk := await output.read(_CHUNK_BYTES):
            if lines := self._captured.feed(chunk):
                self._logging = True
                await self._listener.logged(lines)
                self._logging = False

    def _readable(self, text: str, characters_max: int) -> str:
        return bounded(self._masks.hide(text), characters_max)

    def _say(self, word: bytes) -> None:
        with suppress(OSError):  # the keeper has ended: nothing is left to be said
            self._channel.send(word)

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, do))


async def _next(line: asyncio.StreamReader) -> Said:
    (length,) = LENGTH.unpack(await line.readexactly(LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise msgspec.DecodeError(f"a frame of {length} bytes")
    said: Said = msgspec.json.decode(await line.readexactly(length), type=Said)
    return said


async def _reader_of(pipe: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
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
