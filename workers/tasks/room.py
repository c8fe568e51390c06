"""Which queues have room, so that one that nobody takes from does not stop the others.

JetStream can bound a stream, which all queues of a priority share, or a subject, which
is one task's. So what is in a queue is asked for now and then, and counted in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, TypeVar

import structlog
from nats.js.errors import NotFoundError

from workers.tasks.broker import Broker

log = structlog.get_logger()
QUEUED_MAX = 25_000
ASK_EVERY_SECONDS = 10.0
ASK_WHEN_FULL_EVERY_SECONDS = 1.0
Key = tuple[str, str]


class Queued(Protocol):
    """Its stream, and its queue in there."""

    @property
    def key(self) -> Key: ...


T = TypeVar("T", bound=Queued)


@dataclass
class Left:
    tasks: int
    asked_at: float

    @property
    def is_old(self) -> bool:
        full = self.tasks <= 0
        every = ASK_WHEN_FULL_EVERY_SECONDS if full else ASK_EVERY_SECONDS
        return monotonic() - self.asked_at >= every


@dataclass
class Room:
    """A queue may be overfilled by what is published at once, by each process."""

    broker: Broker
    _left: dict[Key, Left] = field(default_factory=dict)

    async def fitting(self, tasks: Iterable[T]) -> Sequence[T]:
        """Those whose queue is not full. (Some may be there, and need no room.)"""
        tasks = [*tasks]
        left = {key: await self._left_in(key) for key in {task.key for task in tasks}}
        return [task for task in tasks if left[task.key].tasks > 0]

    def took(self, task: Queued) -> None:
        if (left := self._left.get(task.key)) is not None:  # Else it was forgotten.
            left.tasks -= 1

    def forget(self) -> None:
        self._left.clear()

    async def _left_in(self, key: Key) -> Left:
        before = self._left.get(key)
        if before is not None and not before.is_old:
            return before
        now = Left(QUEUED_MAX - await self._count(key), monotonic())
        if now.tasks <= 0 and (before is None or before.tasks > 0):
            log.warning("a task queue is full", stream=key[0], queue=key[1])
        self._left[key] = now
        return now

    async def _count(self, key: Key) -> int:
        try:
            found = await self.broker.jetstream.consumer_info(*key)
        except NotFoundError:
            return 0  # Nobody takes from it, yet.
        return (found.num_pending or 0) + (found.num_ack_pending or 0)
