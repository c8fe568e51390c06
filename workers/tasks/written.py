"""What an attempt writes, kept while it comes, so that people can watch.

What it is given are whole lines, with the secrets in each masked before: so none is cut
in two by when its line is kept.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from domain.errors import JournalUnavailable

log = structlog.get_logger()
KEEP_EVERY_SECONDS = 1.0


class TaskLog(Protocol):
    """Where what an attempt wrote is kept."""

    async def append(self, operation_id: str, attempt: int, content: str, /) -> bool:
        """Add `content`; False once there is no more room."""
        ...


class Written:
    """Of one attempt. What is added is bounded by who adds it."""

    def __init__(self, task_log: TaskLog, operation_id: str, attempt: int) -> None:
        self._task_log = task_log
        self._operation_id = operation_id
        self._attempt = attempt
        self._lines: list[str] = []
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()

    def add(self, lines: list[str]) -> None:
        self._lines += lines
        self._news.set()

    async def keep_up(self) -> None:
        """Keep what comes, until cancelled; most tasks are over before the first."""
        while True:
            await self._news.wait()
            await asyncio.sleep(KEEP_EVERY_SECONDS)
            self._news.clear()
            try:
                await self._keep()
            except JournalUnavailable:
                self._news.set()

    async def keep_rest(self) -> None:
        """What has not been kept so far, if that is possible now."""
        try:
            await self._keep()
        except JournalUnavailable as error:
            log.warning("a task's log is lost", error=str(error))

    async def _keep(self) -> None:
        async with self._turn:
            content = "".join(f"{line}\n" for line in self._lines)
            count = len(self._lines)
            if count:
                args = self._operation_id, self._attempt, content
                await self._task_log.append(*args)
                del self._lines[:count]
