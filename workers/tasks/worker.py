"""Takes tasks out of the queues, as many at once as it has slots, and runs them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from domain.decider import Journal
from domain.errors import JournalUnavailable
from domain.event import system
from domain.ids import new_id
from domain.task.errors import (
    AttemptRunning,
    KeyBusy,
    TaskNotFound,
    TaskNotReady,
    TaskOver,
)
from projections.traces import TRACES
from workers.loop import end, run_forever
from workers.settings import LEAVING_SECONDS_MAX
from workers.tasks.attempt import Answer, Attempt, Runner
from workers.tasks.lease import Lease, take_lease
from workers.tasks.owning import LOOK_AGAIN_IF_FOREIGN_SECONDS, ForeignQueues
from workers.tasks.pull import Pull, QueuesMissing
from workers.tasks.queues import TaskQueues
from workers.tasks.slots import Slot, Slots
from workers.tasks.turns import turns
from workers.tasks.written import TaskLog

log = structlog.get_logger()
WORKER = system("task-worker")
TRY_AGAIN_SECONDS = 0.25
# Whether a start took effect may be open: told again, the same start is no other one.
STARTS_MAX = 5
# How long a task is put off that cannot start now; if its key is busy: see `BusyKeys`.
PUT_OFF_SECONDS = 0.5


def _name_here() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


@asynccontextmanager
async def working(worker: TaskWorker) -> AsyncIterator[None]:
    """Take tasks inside; on the way out, see those that run to their end."""
    taking = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await end(taking)
        await worker.leave()


@dataclass
class TaskWorker:
    """`name` tells workers apart in the journal."""

    journal: Journal
    queues: TaskQueues
    runner: Runner
    task_log: TaskLog
    answer: Answer
    slots: int = 4
    grace_seconds: float = 20.0
    name: str = field(default_factory=_name_here)

    def __post_init__(self) -> None:
        self._turns = turns()
        self._slots = Slots(self.slots)
        self._works: set[asyncio.Task[None]] = set()
        self._attempts: set[Attempt] = set()

    async def run(self) -> int:
        """Take tasks until cancelled; those that run go on: see `leave`."""
        await run_forever("task-worker", self._take, TRY_AGAIN_SECONDS)
        return 0

    async def leave(self) -> None:
        """Let what runs come to its end, for a while; what is left is for others.

        What waits is left to them at once.
        """
        for attempt in list(self._attempts):
            if attempt.slot.is_waiting:
                attempt.put_off(0)
        if self._works:
            await asyncio.wait(self._works, timeout=self.grace_seconds)
        for attempt in list(self._attempts):
            attempt.leave()
        if self._works:
            await asyncio.wait(self._works, timeout=LEAVING_SECONDS_MAX)
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def _take(self) -> int:
        broker = self.queues.broker
        await broker.connected()
        try:
            async with Pull(broker, self._turns, self._slots.free) as pull:
                while True:
                    await self._slots.one_free()
                    await self.queues.ownership.check()
                    for message in await pull.next():
                        self._work_at(message)
        except QueuesMissing:
            await self.queues.ensure()
        except ForeignQueues:
            await asyncio.sleep(LOOK_AGAIN_IF_FOREIGN_SECONDS)
        return 1

    def _work_at(self, message: Msg) -> None:
        """To its end, whether or not more is taken meanwhile."""
        slot = Slot(self._slots)
        work = asyncio.create_task(self._work(message, slot))

        def done(work: asyncio.Task[None]) -> None:
            self._works.discard(work)
            slot.end()
            if not work.cancelled() and (error := work.exception()):
                log.error("a task's attempt failed", exc_info=error)

        self._works.add(work)
        work.add_done_callback(done)

    async def _work(self, message: Msg, slot: Slot) -> None:
        lease = await self._start(message)
        if lease is None:
            return
        attempt = Attempt(
            lease, WORKER, self.journal, self.runner, self.task_log, self.answer, slot
        )
        self._attempts.add(attempt)
        try:
            with TRACES.span(
                "task.attempt",
                task_type=lease.order.task_type,
                operation_id=lease.operation_id,
                attempt=lease.attempt,
            ):
                await attempt.run()
        finally:
            self._attempts.discard(attempt)

    async def _start(self, message: Msg) -> Lease | None:
        """The lease, if this worker got it; the message is done with either way."""
        operation_id = message.subject.rpartition(".")[2]
        lease, put_off_seconds = None, 0.0
        try:
            lease = await self._lease(operation_id)
        except (TaskOver, AttemptRunning, TaskNotFound):
            pass
        except (TaskNotReady, JournalUnavailable):
            put_off_seconds = PUT_OFF_SECONDS
        except KeyBusy:
            put_off_seconds = self.queues.busy_keys.found(operation_id)
        with suppress(NatsError):  # It comes back, and is found to have been started.
            if put_off_seconds:
                await message.nak(put_off_seconds)
            else:
                await message.ack()
        return lease

    async def _lease(self, operation_id: str) -> Lease:
        if self.queues.busy_keys.is_busy(operation_id):
            raise KeyBusy("its concurrency key was found to be busy")
        lease_id = new_id()
        for _ in range(STARTS_MAX - 1):
            with suppress(JournalUnavailable):
                return await self._lease_once(operation_id, lease_id)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        return await self._lease_once(operation_id, lease_id)

    async def _lease_once(self, operation_id: str, lease_id: str) -> Lease:
        def may_take(key: str) -> bool:
            return not self.queues.busy_keys.learn(operation_id, key)

        return await take_lease(
            self.journal,
            operation_id,
            lease_id,
            worker=self.name,
            by=WORKER,
            may_take=may_take,
        )
