"""Callers who ask for the same thing at the same time share one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """`ask` runs `make` once for all who ask for `key` until it is done.

    A caller who goes away leaves the others theirs.
    """

    def __init__(self) -> None:
        self._asked: dict[K, asyncio.Task[V]] = {}

    async def ask(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        task = self._asked.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(make))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def _end(self, key: K, done: asyncio.Task[V]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # Seen, even if all who asked have gone away.


async def _run(make: Callable[[], Awaitable[V]]) -> V:
    return await make()
