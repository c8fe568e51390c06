"""What a handler about review environments needs of the context that it runs in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from workers.review.data import ReviewData


class Context(Protocol):
    """`ask` puts a question to the worker, and raises what that refuses."""

    @property
    def operation_id(self) -> str: ...

    @property
    def is_cancelled(self) -> bool: ...

    def progress(self, percent: float, message: str = "") -> None: ...

    def waiting(self) -> AbstractContextManager[None]: ...

    def ask(self, kind: str, **arguments: Any) -> Any: ...


def ask(context: Context, kind: str, data: ReviewData) -> Any:
    """The answer of `workers.review.desk` to this task's own data."""
    return context.ask(
        kind, operation_id=context.operation_id, data=msgspec.to_builtins(data)
    )
