"""Dispatch as it really is, except that tasks run in the worker's own process.

What they do is a function here; that they end in a process of their own is tested with
the runner.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from domain.decider import Look, Step
from domain.errors import JournalUnavailable
from domain.event import Actor
from domain.record import Recorded
from domain.roles import Role
from domain.task.commands import SubmitTask
from domain.task.events import LOCAL, Order, Priority, TaskStarted
from domain.task.lifecycle import lifecycle, operation_of, stream_of
from domain.task.task import Task, TaskState
from projections.storage.append import Appender
from projections.storage.database import Database
from projections.storage.journal import StoredJournal
from projections.storage.mapper import recorded
from workers.doorbell import Doorbell
from workers.loop import end, run_forever
from workers.nats_servers import NatsServers
from workers.running.assignment import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.tasks.broker import BrokerUnavailable
from workers.tasks.dispatch import Dispatch
from workers.tasks.owning import ForeignQueues
from workers.tasks.queues import Ready
from workers.tasks.queues import stream_of as stream_name
from workers.tasks.sweep import TaskSweep
from workers.tasks.worker import TaskWorker, working

SECONDS_MAX = 60
LOOK_EVERY_SECONDS = 0.01
CI = Actor("ci", Role.APPLICATION)
WATCHER = Actor("watcher", Role.OWNER)
Handler = Callable[[Assignment, Listener], Awaitable[Any]]
ALL = """
SELECT originator_id, originator_version, notification_id, state FROM berth_events
WHERE originator_id LIKE 'tasks/%' ORDER BY notification_id
"""


async def nothing(_: Assignment, __: Listener) -> None:
    """What a no-op does."""


async def goes_on(_: Assignment, __: Listener) -> None:
    """What only ends when it is made to."""
    await asyncio.Event().wait()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            if await condition():
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)


@dataclass
class HereRunner:
    """Runs tasks as coroutines: cancelled when told to stop."""

    handlers: Mapping[str, Handler]
    running: dict[tuple[str, int], asyncio.Task[Any]] = field(default_factory=dict)

    async def run(self, assignment: Assignment, listener: Listener) -> Ending:
        key = (assignment.operation_id, assignment.attempt)
        if key in self.running:
            raise ValueError(f"{assignment} runs here already")
        work = asyncio.ensure_future(
            self.handlers[assignment.task_type](assignment, listener)
        )
        self.running[key] = work
        try:
            await asyncio.wait({work})
        finally:
            del self.running[key]
        if work.cancelled():
            return Cancelled()
        if error := work.exception():
            return Failed(FailureKind.RAISED, str(error))
        return Completed(work.result())

    def cancel(self, operation_id: str, attempt: int) -> bool:
        work = self.running.get((operation_id, attempt))
        return work is not None and work.cancel()


class NoLog:
    """Forgets what tasks write."""

    async def append(self, _: str, __: int, ___: str) -> bool:
        return False


async def no_answer(_: str, __: Mapping[str, Any], ___: Actor) -> Any:
    raise JournalUnavailable("nobody answers here")


@dataclass
class Hall:
    """One process of Berth: its journal, its dispatch, and as many workers as asked."""

    url: str
    journal: StoredJournal
    dispatch: Dispatch
    made: int = 0

    async def submit(
        self, task_type: str = "noop", *, in_seconds: float = 0, **order: Any
    ) -> str:
        self.made += 1
        operation_id = f"{task_type}-{id(self)}-{self.made}"
        wish = Order(task_type, order.pop("data", {}), **order)
        later = timedelta(seconds=in_seconds)
        ready_at = self.journal.now() + later if in_seconds else None
        command = SubmitTask(by=CI, order=wish, ready_at=ready_at)
        stream = stream_of(operation_id)
        await self.journal.execute(Step(lifecycle, stream, command, fresh=True))
        return operation_id

    async def look(self, operation_id: str) -> Task:
        look = Step(lifecycle, stream_of(operation_id), Look(by=WATCHER))
        task: Task = (await self.journal.execute(look)).states[0]
        return task

    async def comes_to(self, operation_id: str, state: TaskState) -> Task:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                task = await self.look(operation_id)
                if task.state is state:
                    return task
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def queued(self) -> int:
        """How many tasks are in the queues."""
        stream = self.dispatch.broker.jetstream.stream_info
        infos = [await stream(stream_name(priority)) for priority in Priority]
        return sum(info.state.messages for info in infos)

    async def taken_by_nobody(self) -> str:
        """A task that was delivered to somebody who died before he began."""
        queue = f"{stream_name(Priority.LOW)}.{LOCAL}"
        client = self.dispatch.broker.client
        ask = f"$JS.API.CONSUMER.MSG.NEXT.{queue}"
        message = await client.request(ask, b"1", timeout=5, old_style=True)
        return message.subject.rpartition(".")[2]

    async def all_queued(self) -> None:
        await until(self._is_all_queued)

    async def _is_all_queued(self) -> bool:
        return await self.queued() >= len(await self.ready_tasks())

    def records(self) -> Sequence[Recorded]:
        """All that ever happened to tasks."""
        with psycopg.connect(self.url) as connection:
            return [recorded(*row) for row in connection.execute(ALL)]

    def starts(self) -> Sequence[str]:
        """The operation of each attempt, in order."""
        return [
            operation_of(record.originator_id)
            for record in self.records()
            if isinstance(record.event, TaskStarted)
        ]

    async def tasks(self) -> Mapping[str, Task]:
        """As the view of all tasks tells them."""
        found: dict[str, Task] = {}
        for one in await asyncio.to_thread(self.records):
            name = operation_of(one.originator_id)
            event: Any = one.event
            found[name] = lifecycle.evolve(found.get(name, lifecycle.initial), event)
        return found

    async def ready_tasks(self) -> Sequence[Ready]:
        now = self.journal.now()
        return [
            Ready(name, task.order.priority, task.order.queue, task.attempt)
            for name, task in (await self.tasks()).items()
            if task.order and task.ready_at and task.state is TaskState.PENDING
            if task.ready_at <= now
        ]

    async def due_tasks(self) -> Sequence[str]:
        now = self.journal.now()
        return [
            name
            for name, task in (await self.tasks()).items()
            if task.lease_until and task.lease_until <= now
        ]

    def sweep(self) -> TaskSweep:
        return TaskSweep(
            self.ready_tasks, self.due_tasks, self.journal, self.dispatch.queues
        )

    @asynccontextmanager
    async def worker(
        self, handlers: Mapping[str, Handler] | None = None, **settings: Any
    ) -> AsyncIterator[TaskWorker]:
        worker = TaskWorker(
            self.journal,
            self.dispatch.queues,
            HereRunner({"noop": nothing} | dict(handlers or {})),
            NoLog(),
            no_answer,
            **({"grace_seconds": 0.2} | settings),
        )
        async with working(worker):
            yield worker


@asynccontextmanager
async def hall(
    database_url: str,
    nats_url: str,
    *,
    sweeps: bool = False,
    queues: Sequence[str] = (),
    replicas: int = 1,
) -> AsyncIterator[Hall]:
    """A process with everything running but workers."""
    database = Database(database_url, pool_max=2, durable=False)
    journal = StoredJournal(Appender(Database(database_url, name="journal")))
    nats = NatsServers(nats_url)
    dispatch = Dispatch(nats, database, journal, queues, replicas)

    def ring(streams: Any) -> None:
        journal.ring(streams)
        dispatch.nudge(streams)

    bell = Doorbell(nats, dispatch.queues.installation, ring)

    def announce(streams: Any) -> None:
        bell.announce(streams)
        dispatch.nudge(streams)

    journal.announce = announce
    here = Hall(database_url, journal, dispatch)
    loops = [
        run_forever("journal", journal.run, 0.1),
        run_forever("bell", bell.run, 0.1),
        *dispatch.loops(),
        *([run_forever("sweep", here.sweep().run_once, 0.2)] if sweeps else []),
    ]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        await dispatch.broker.connected()
        await _ensured(dispatch)
        yield here
    finally:
        await end(*tasks)
        journal.close()
        database.close()


async def _ensured(dispatch: Dispatch) -> None:
    """A cluster answers once its servers have found each other."""

    async def is_so() -> bool:
        try:
            await dispatch.queues.ensure()
        except ForeignQueues:
            raise
        except BrokerUnavailable:
            return False
        return True

    await until(is_so)
