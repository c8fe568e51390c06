"""What a long poll says at its end is how things stand then, not when it began."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from litestar import Response

from api.locks import LockById
from api.place import Place
from domain.decider import Outcome, Step, StillWaiting
from domain.environment.environment import environment
from domain.environment.lock import AcquireLock
from domain.event import Command
from tests.support.builders import acquire, by, register, release, request, to
from tests.support.dispatching import until
from tests.support.memory import MemoryJournal

SECONDS = 300


class Poll:
    """Of the environment "e", by the owner of a ticket, past HTTP and its guards."""

    def __init__(self, ticket_id: str) -> None:
        self.journal = MemoryJournal()
        self._ticket_id = ticket_id
        caller = SimpleNamespace(check_still_good=lambda: None)
        self._desk: Any = SimpleNamespace(
            journal=self.journal,
            actor=by(ticket_id),
            caller=caller,
            services=SimpleNamespace(recent_holds=self),
            execute=self.execute,
        )

    async def do(self, *commands: Command) -> None:
        for command in commands:
            await self.journal.execute(to("e", command))

    async def durations(self, _: str) -> Sequence[float]:
        return ()

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        return await self.journal.execute(*steps, wait_seconds=wait_seconds)

    async def is_parked(self) -> bool:
        return self.journal.waiting == 1

    async def answer(self) -> Any:
        app = SimpleNamespace(state=SimpleNamespace(waits=Counter()))
        asked: Any = SimpleNamespace(app=app, scope={"state": {"request_id": "r"}})
        nobody: Any = None
        place = Place(self._desk, nobody, nobody, id="e")
        said: Any = await LockById.acquire_lock.fn(
            None,
            place=place,
            ticket_id=self._ticket_id,
            request=asked,
            timeout_seconds=SECONDS,
        )
        return said.content if isinstance(said, Response) else said


async def a_queue(poll: Poll, *waiting: str) -> None:
    """Behind "a", who holds the lock."""
    details = register(salesforce_username=None)
    await poll.do(details, request("a"), acquire("a"), *map(request, waiting))


def test_the_place_is_the_one_at_the_end_of_the_wait() -> None:
    async def scene() -> Any:
        poll = Poll("d")
        await a_queue(poll, "b", "c", "d")
        waiting = asyncio.create_task(poll.answer())
        await until(poll.is_parked)
        await poll.do(release("b"), release("c"))
        poll.journal.clock.turn(seconds=SECONDS)
        return await waiting

    told = asyncio.run(scene())
    assert (told.status, told.position) == ("queued", 1)
    assert told.estimated_wait_seconds == 600 - SECONDS


def test_a_grant_that_nobody_told_of_meanwhile_is_acquired() -> None:
    class Deaf(Poll):
        async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
            """Another process lets it come to its turn, and the bell is not heard."""
            if wait_seconds:
                assert isinstance(steps[0].command, AcquireLock)
                before = self.journal.state_of(environment, "e")
                await self.do(release("a"))
                raise StillWaiting(before, self.journal.now())
            return await super().execute(*steps)

    async def scene() -> Any:
        poll = Deaf("b")
        await a_queue(poll, "b")
        return await poll.answer()

    told = asyncio.run(scene())
    assert (told.status, told.fence) == ("acquired", 2)
