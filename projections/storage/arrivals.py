"""Calls that have come and are not yet being decided, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Container, Iterator

import msgspec

from projections.storage.parking import Call

BATCH_MAX = 256
# Of what is asked. Who asks to have much kept must not take everybody's time for it:
# an append has a few seconds, and all who are in it fail with it.
BATCH_BYTES_MAX = 4 * 1024 * 1024

encode = msgspec.json.Encoder().encode


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
        call.size_bytes = sum(len(encode(step.command)) for step in call.steps)
        self._calls.append(call)
        self.bell.set()

    def clear(self) -> None:
        self._calls.clear()

    def take(self) -> list[Call]:
        """As many as one batch may begin with."""
        return self._take(lambda _: True)

    def take_known(self, known: Container[str]) -> list[Call]:
        """Who has come since the batch set out and needs nothing but what is `known`.

        A hand-over lives by it: who was answered together asks again together, and the
        second one must not wait for a commit because it was a moment later.
        """
        return self._take(
            lambda call: all(step.fresh or step.stream in known for step in call.steps)
        )

    def _take(self, may_come: Callable[[Call], bool]) -> list[Call]:
        taken: list[Call] = []
        size = 0
        while len(taken) < BATCH_MAX and size < BATCH_BYTES_MAX:
            if not self._calls or not may_come(self._calls[0]):
                break
            taken.append(self._calls.popleft())
            size += taken[-1].size_bytes
        return taken

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


def is_full(calls: Collection[Call]) -> bool:
    """Whether these are enough for one batch."""
    if len(calls) >= BATCH_MAX:
        return True
    return sum(call.size_bytes for call in calls) >= BATCH_BYTES_MAX
