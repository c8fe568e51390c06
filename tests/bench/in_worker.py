"""A worker that runs its tasks in its own process, as those of other queues do.

It tells what a process for each task costs: all else is as in any worker.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from api.commands.processes import run_worker
from workers.running import (
    Assignment,
    Completed,
    Ending,
    Handlers,
    Listener,
)
from workers.tasks import running


class InWorker:
    """In the place of the `ForkServer`, for handlers that neither wait nor ask."""

    def __init__(self, handlers: Handlers, **_: Any) -> None:
        self._handlers = handlers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def run(self, assignment: Assignment, _: Listener) -> Ending:
        handler = self._handlers[assignment.task_type]
        return Completed(handler(None, handler.decode(assignment.data)))

    def cancel(self, _: str) -> bool:
        return False


if __name__ == "__main__":
    vars(running)["ForkServer"] = InWorker
    sys.exit(run_worker())
