"""What a handler has in hand while it runs: the first of its two arguments."""

from __future__ import annotations

import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from workers.running.assignment import Assignment
from workers.running.wire import (
    FRAME_BYTES_MAX,
    LENGTH,
    MESSAGE_CHARACTERS_MAX,
    Answered,
    Asked,
    Progressed,
    RefusedToAnswer,
    Told,
    Waits,
    bounded,
    frame,
)


class Interrupted(BaseException):
    """The task was asked to stop; like `KeyboardInterrupt`, it is not to be caught."""


class Refused(Exception):
    """The worker said no to what was asked; `code` names the reason to programs."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Credentials(dict[str, Any]):
    """What to log in with, for as long as the task runs; never shown by accident."""

    def __repr__(self) -> str:
        return "Credentials(***)"

    __str__ = __repr__


class Line:
    """The task's end of the line to its worker; one frame is never torn in two."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._heard = bytearray()
        self._saying = threading.Lock()
        self._midway = False
        self._stopping = False

    def interrupt(self) -> None:
        """Called by the signal handler: raise `Interrupted`, now or in a moment."""
        self._stopping = True
        if not self._midway:
            self._raise()

    def say(self, said: msgspec.Struct) -> None:
        whole = frame(said)
        if len(whole) > FRAME_BYTES_MAX:
            raise ValueError(f"more than {FRAME_BYTES_MAX} bytes at once")
        with self._whole(), self._saying:
            self._socket.sendall(whole)

    def hear(self) -> Told:
        """The next frame. Waiting for it can be interrupted, reading it cannot."""
        while True:
            with self._whole():
                if body := self._complete():
                    told: Told = msgspec.json.decode(body, type=Told)
                    return told
            select.select([self._socket], [], [])
            with self._whole():
                news = self._socket.recv(1 << 16)
                self._heard += news
            if not news:
                raise ConnectionError("the worker is gone")

    def _complete(self) -> bytes | None:
        if len(self._heard) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(self._heard)[0]
        if len(self._heard) < end:
            return None
        body = bytes(self._heard[LENGTH.size : end])
        del self._heard[:end]
        return body

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What the block does is done as a whole, and interrupted afterwards.

        Signals, and so interruptions, come to the main thread only.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._midway = True
        try:
            yield
        finally:
            self._midway = False
        if self._stopping:
            self._raise()

    def _raise(self) -> NoReturn:
        self._stopping = False  # once: what cleans up is not interrupted again
        raise Interrupted


class Context:
    """One attempt at one task, as its handler sees it."""

    def __init__(self, assignment: Assignment, folder: Path, line: Line) -> None:
        # The same in every attempt: what to tell others so that they do it once.
        self.operation_id = assignment.operation_id
        self.attempt = assignment.attempt
        self.folder = folder  # empty, the task's own, removed when it ends
        self.is_cancelled = False
        self._line = line
        self._asked = 0
        self._turn = threading.RLock()

    def progress(self, percent: float, message: str = "") -> None:
        """Tell how far it has come; below 0 is 0, above 100 is 100."""
        with self._turn:
            message = bounded(message, 2 * MESSAGE_CHARACTERS_MAX)
            self._line.say(Progressed(min(100.0, max(0.0, float(percent))), message))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, it holds no slot of its worker: what it waits for may need that one.

        Not within itself. When it goes on it has no slot to wait for. A worker that has
        too many who wait ends the attempt here, and the task comes back later.
        """
        self._say_whether(is_waiting=True)
        try:
            yield
        finally:
            self._say_whether(is_waiting=False)

    def _say_whether(self, *, is_waiting: bool) -> None:
        with self._turn:
            self._line.say(Waits(is_waiting))

    def log(self, text: str) -> None:
        """Write to the task's log, where all goes that it prints."""
        sys.stdout.write(f"{text}\n")

    def ask(self, kind: str, /, **arguments: Any) -> Any:
        """Have the worker do or tell something; `Refused` says why it did not.

        Waits for the answer: in an `async` handler, use `asyncio.to_thread`.
        """
        with self._turn:
            self._asked += 1
            number = self._asked
            self._line.say(Asked(number, kind, arguments))
            while True:  # an answer may still come to a question that was interrupted
                match self._line.hear():
                    case Answered(number=n, answer=answer) if n == number:
                        return answer
                    case RefusedToAnswer(number=n, code=code, message=why) if (
                        n == number
                    ):
                        raise Refused(why, code=code)
                    case _:
                        pass

    def credentials(self, **which: Any) -> Credentials:
        """What to log in with, such as `environmentId=...`; each time is audited."""
        return Credentials(self.ask("credentials", **which))
