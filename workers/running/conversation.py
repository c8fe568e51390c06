"""What a task says and writes: heard, passed on and answered until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from domain.errors import DomainError, JournalUnavailable, VaultClosed
from workers.running.assignment import (
    Assignment,
    Completed,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.captured import Captured
from workers.running.masks import Masks
from workers.running.task_line import TaskLine
from workers.running.wire import (
    LEFT_OUT,
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
    nests_deeper,
)

# What ended has closed its ends. Who was given them outside of the task may hold them.
LAST_WORDS_SECONDS: Final = 2
_CREDENTIALS: Final = "credentials"
_GARBLED = Failed(
    FailureKind.GARBLED, "what the task said to its worker makes no sense"
)


class Conversation:
    """With one task. Its `outcome` is how it says that it ended, if it does."""

    def __init__(
        self, assignment: Assignment, listener: Listener, masks: Masks
    ) -> None:
        self.outcome: Completed | Failed | None = None
        self.has_ended = False
        self._assignment = assignment
        self._listener = listener
        self._masks = masks
        self._captured = Captured(masks)
        self._answering: asyncio.Task[Answered | RefusedToAnswer] | None = None
        self._listeners_at_work = 0

    @property
    def is_over(self) -> bool:
        """Whether it has said how it ended, or has ended: nothing changes that."""
        return self.has_ended or self.outcome is not None

    async def converse(self, line: TaskLine) -> None:
        """Until it says how it ended, or its end is closed."""
        try:
            await line.say(self._assignment)
            while self.outcome is None:
                await self._heed(await line.hear(), line)
        except EOFError:
            return  # it ended, or closed its end: how it ends tells the rest
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.outcome = _GARBLED

    async def capture(self, output: asyncio.StreamReader) -> None:
        """Pass on what it writes, until its end is closed."""
        while chunk := await output.read(self._captured.bytes_at_once):
            if lines := self._captured.feed(chunk):
                with self._listener_at_work():
                    await self._listener.logged(lines)
                await asyncio.sleep(0)  # others, too, have something to say

    def end(self) -> None:
        """Its processes have ended, so that nobody is left to be answered."""
        self.has_ended = True
        if self._answering:
            self._answering.cancel()

    async def last_words(self, *listening: asyncio.Task[None]) -> None:
        """What was said and written before the end; what a listener raised."""
        waiting = {*listening}
        while waiting:
            at_work = self._listeners_at_work
            done, waiting = await asyncio.wait(waiting, timeout=LAST_WORDS_SECONDS)
            for one in done:
                if not one.cancelled():
                    one.result()
            if not (done or at_work or self._listeners_at_work):
                return

    async def close(self) -> None:
        """Pass on the last lines that it wrote."""
        if last := self._captured.close():
            await self._listener.logged(last)

    async def _heed(self, said: Said, line: TaskLine) -> None:
        match said:
            case Progressed(percent=percent, message=message):
                message = self._readable(message, MESSAGE_CHARACTERS_MAX)
                with self._listener_at_work():
                    await self._listener.progressed(percent, message)
            case Waits(is_waiting=is_waiting):
                with self._listener_at_work():
                    await self._listener.waits(is_waiting=is_waiting)
            case Asked():
                await self._answer(said, line)
            case Returned(result=raw):
                result = msgspec.json.decode(raw)
                deep = nests_deeper(result, RESULT_LEVELS_MAX)
                self.outcome = _GARBLED if deep else Completed(result)
            case Ended(kind=kind, message=message, stack=stack):
                self.outcome = Failed(
                    kind,
                    self._readable(message, MESSAGE_CHARACTERS_MAX),
                    stack and self._readable(stack, STACK_CHARACTERS_MAX),
                )

    async def _answer(self, asked: Asked, line: TaskLine) -> None:
        """Unless it ends before: then nobody is left to be answered."""
        if self.has_ended:
            return
        self._answering = asyncio.create_task(self._answer_to(asked))
        try:
            with self._listener_at_work():
                await asyncio.wait({self._answering})
        finally:
            self._answering.cancel()
        if not self._answering.cancelled():
            await line.say(self._answering.result())

    async def _answer_to(self, asked: Asked) -> Answered | RefusedToAnswer:
        try:
            answer = await self._listener.ask(asked.kind, asked.arguments)
        except (DomainError, JournalUnavailable, VaultClosed) as error:
            code = getattr(error, "code", "UNAVAILABLE")
            return RefusedToAnswer(asked.number, code, str(error))
        answer = msgspec.to_builtins(answer)
        if asked.kind == _CREDENTIALS:
            self._masks.learn(answer)
        return Answered(asked.number, answer)

    @contextmanager
    def _listener_at_work(self) -> Iterator[None]:
        """Meanwhile nothing is heard of the task, which may have said more by then."""
        self._listeners_at_work += 1
        try:
            yield
        finally:
            self._listeners_at_work -= 1

    def _readable(self, text: str, characters_max: int) -> str:
        """What the task itself has cut may have cut secrets in two.

        Once masked it may be short enough for both halves to stay.
        """
        return bounded(self._masks.hide_around(LEFT_OUT, text), characters_max)
