"""What a worker asks to be run, what it hears meanwhile, and how it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct


class Assignment(Struct, frozen=True, kw_only=True, tag="assignment"):
    """One attempt at a task. `operation_id` is the handler's idempotency key."""

    operation_id: str
    attempt: int
    task_type: str
    data: dict[str, Any]
    # None: as the task's type says, which may be: as long as it takes.
    timeout_seconds: float | None = None

    def __repr__(self) -> str:  # the data is the caller's, and may be confidential
        return f"Assignment({self.task_type} {self.operation_id} #{self.attempt})"


class FailureKind(StrEnum):
    """Why an attempt has no result. Only some are worth another attempt."""

    RAISED = "raised"
    EXITED = "exited"
    KILLED = "killed"
    TIMED_OUT = "timed_out"
    UNSERIALISABLE = "unserialisable"
    TOO_LARGE = "too_large"
    GARBLED = "garbled"
    WRONG_DATA = "wrong_data"
    UNKNOWN_TYPE = "unknown_type"
    NOT_BEGUN = "not_begun"  # its worker had no process for it, or no folder
    LOST = "lost"  # through its worker, and by no fault of the handler's


class Completed(Struct, frozen=True):
    """It returned: any JSON value, of `RESULT_BYTES_MAX` and `RESULT_LEVELS_MAX`."""

    result: Any


class Failed(Struct, frozen=True):
    """It did not return. The message is for the caller, the stack for owners alone."""

    kind: FailureKind
    message: str
    stack: str | None = None


class Cancelled(Struct, frozen=True):
    """It was asked to stop before it had returned, and has stopped."""


Ending = Completed | Failed | Cancelled


class Listener(Protocol):
    """What the worker does while a task runs.

    The task waits while one of these does: a handler that reports in a loop, or writes
    without end, is held up and not stored up. What they raise ends the task, and is
    raised by `ForkServer.run`.
    """

    async def progressed(self, percent: float, message: str) -> None:
        """It has come this far, 0 to 100. As often as the handler likes."""

    async def waits(self, *, is_waiting: bool) -> None:
        """It begins to wait for something, or goes on."""

    async def logged(self, lines: list[str]) -> None:
        """It wrote this: the first half as it comes, the last half once it ended."""

    async def ask(self, kind: str, arguments: dict[str, Any]) -> Any:
        """Answer a question of the handler's with a JSON value.

        A refusal (`DomainError`, `JournalUnavailable`, `VaultClosed`) is passed on to
        the handler. What answers a question of the kind `credentials` is masked in all
        that the task says from then on.
        """
