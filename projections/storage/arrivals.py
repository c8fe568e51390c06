"""Calls that have come and are not yet being decided, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Container, Iterator

from projections.storage.parking import Call

BATCH_MAX = 256


class Arrivals:
    """`bell` rings when one comes, or when there is something else to look at."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self._calls: deque[Call] = deque()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def add(self, call: Call) -> None:
        self._calls.append(call)
        self.bell.set()

    def clear(self) -> None:
        self._calls.clear()

    def take(self) -> list[Call]:
        """As many as one batch may begin with."""
        return [self._calls.popleft() for _ in range(min(BATCH_MAX, len(self._calls)))]

    def take_known(self, known: Container[str]) -> list[Call]:
        """Who has come since the batch set out and needs nothing but what is `known`.

        A hand-over lives by it: who was answered together asks again together, and the
        second one must not wait for a commit because it was a moment later.
        """
        late: list[Call] = []
        while self._calls and len(late) < BATCH_MAX:
            steps = self._calls[0].steps
            if not all(step.fresh or step.stream in known for step in steps):
                break
            late.append(self._calls.popleft())
        return late

    async def more(self, seconds: float) -> None:
        """Let those come who are on their way; if nobody is, wait for so long."""
        self.bell.clear()
        await asyncio.sleep(0)
        if seconds > 0 and not self.bell.is_set():
            loop = asyncio.get_running_loop()
            enough = loop.call_later(seconds, self.bell.set)
            try:
                await self.bell.wait()
            finally:
                enough.cancel()
