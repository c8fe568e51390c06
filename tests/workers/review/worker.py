"""A pool on a real database, and tasks about it in threads, as their processes are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import msgspec

from domain.decider import Step
from domain.environment.environment import environment
from domain.event import Actor
from domain.project import RegisterProject, project, stream_of
from domain.roles import Role
from projections.storage.database import Database
from projections.storage.reader import Reader
from tests.projections.journal_contract import StoredRig, records_in, stored
from tests.support.builders import OWNER, register, request, to
from workers.review.check import check
from workers.review.desk import ReviewDesk
from workers.review.extend import extend
from workers.review.fetch import fetch
from workers.review.list_assigned import list_assigned
from workers.review.transition import transition
from workers.review.unassign import unassign

CI = Actor("ci", Role.APPLICATION, "pipeline")
HANDLERS: dict[str, Any] = {
    handler.__name__: handler
    for handler in (fetch, check, extend, transition, unassign, list_assigned)
}


@dataclass
class Context:
    """Of one task: what it asks goes to the desk, on the worker's loop."""

    operation_id: str
    answer: Callable[[str, dict[str, Any]], Any]
    said: list[str] = field(default_factory=list)
    waited: list[bool] = field(default_factory=list)
    is_cancelled: bool = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self.waited.append(True)
        yield
        self.waited.append(False)

    def ask(self, kind: str, **arguments: Any) -> Any:
        sent = msgspec.json.decode(msgspec.json.encode(arguments))
        return msgspec.json.decode(msgspec.json.encode(self.answer(kind, sent)))

    def progress(self, percent: float, message: str = "") -> None:
        assert 0 <= percent <= 100
        self.said.append(message)


@dataclass
class Worker:
    """Runs any number of tasks at once."""

    rig: StoredRig
    desk: ReviewDesk
    threads: ThreadPoolExecutor
    tasks: int = 0

    async def run(
        self,
        name: str,
        by: Actor = CI,
        *,
        task: str | None = None,
        context: Context | None = None,
        **data: Any,
    ) -> Any:
        """The result of a task of its own, or of `task` carried out once more."""
        self.tasks += 1
        context = context or self.context(task or f"task-{self.tasks}", by)
        handler = HANDLERS[name]
        wanted = get_type_hints(handler)["data"]
        told = {"repoId": "acme/shop", "pool": "core"} | data
        decoded = msgspec.convert(told, wanted)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, handler, context, decoded)

    def context(self, task: str, by: Actor = CI) -> Context:
        loop = asyncio.get_running_loop()

        def answer(kind: str, arguments: dict[str, Any]) -> Any:
            asked = self.desk.answer(kind, arguments, by)
            return asyncio.run_coroutine_threadsafe(asked, loop).result(30)

        return Context(task, answer)

    async def add(self, *names: str, **details: Any) -> None:
        """Environments of the pool; a name is its id."""
        facts = {"tags": ("pool:core",), "salesforce_username": None} | details
        steps = [to(n, register(name=n, **facts), fresh=True) for n in names]
        await self.rig.journal.execute(*steps)

    async def add_repository(self, identifier: str) -> None:
        command = RegisterProject(
            by=OWNER, identifier=identifier, remote_url="https://git.example/x"
        )
        await self.rig.journal.execute(Step(project, stream_of(identifier), command))

    async def do(self, stream: str, command: Any) -> None:
        await self.rig.journal.execute(Step(environment, stream, command))

    async def lock(self, name: str) -> None:
        await self.do(name, request(f"ticket-{name}"))

    @property
    def events(self) -> Sequence[Any]:
        return [(r.originator_id, r.event) for r in records_in(self.rig.url)]


@asynccontextmanager
async def working(url: str) -> AsyncIterator[Worker]:
    with closing(Database(url)) as database, ThreadPoolExecutor(40) as threads:
        async with stored(url) as rig:
            desk = ReviewDesk(rig.journal, Reader(database))
            worker = Worker(rig, desk, threads)
            await worker.add_repository("acme/shop")
            yield worker


Play = Callable[[Callable[[Worker], Awaitable[None]]], None]
