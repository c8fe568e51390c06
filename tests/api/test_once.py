"""One request carried out by several, one after the other or at once: one effect."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from api.auth import Caller
from api.deps import Desk
from api.once import Once
from domain.decider import Outcome, Step
from domain.environment.environment import environment
from domain.environment.lock import ReleaseLock, RequestLock
from domain.environment.queue import ENDED_REMEMBERED_MAX
from domain.errors import EnvironmentNotFound
from domain.ids import new_id
from tests.support.builders import NOON, OWNER, register, to
from tests.support.memory import MemoryJournal

ID = new_id()
SEED = b"s" * 32
NOBODY = cast("Any", None)


def desk(journal: MemoryJournal, once: Once | None = None) -> Desk:
    """A new attempt at the one request, unless told otherwise."""
    once = once or Once(ID, SEED)
    return Desk(journal, Caller(OWNER, NOON), NOBODY, NOBODY, once)


async def request(at: Desk, stream: str = "e") -> tuple[str, Outcome]:
    ticket = at.new_ticket_id()
    command = RequestLock(by=OWNER, ticket_id=ticket)
    return ticket, await at.execute(Step(environment, stream, command))


def topics(journal: MemoryJournal) -> list[str]:
    return [type(event).__name__ for event in journal.events_of("e")]


def test_what_is_made_up_is_the_same_in_every_attempt() -> None:
    one, other, another = Once(ID, SEED), Once(ID, SEED), Once(new_id(), b"t" * 32)
    for make in (Once.new_id, Once.new_secret, Once.new_id, Once.new_secret):
        assert make(one) == make(other) != make(another)
    assert len({one.new_id() for _ in range(100)}) == 100
    assert len(one.new_secret()) == 43


def test_the_second_attempt_only_looks(journal: MemoryJournal) -> None:
    async def asking() -> None:
        await journal.execute(to("e", register()))
        ticket, outcome = await request(desk(journal))
        assert [type(e).__name__ for e in outcome.events] == [
            "LockRequested",
            "LockGranted",
        ]
        again, seen = await request(desk(journal))
        assert again == ticket
        assert seen.events == []
        assert seen.states == outcome.states

    asyncio.run(asking())
    assert topics(journal).count("LockRequested") == 1


def test_nor_when_the_environment_has_forgotten_the_ticket(
    journal: MemoryJournal,
) -> None:
    async def asking() -> None:
        await journal.execute(to("e", register()))
        ticket, _ = await request(desk(journal))
        release = ReleaseLock(by=OWNER, ticket_id=ticket)
        await journal.execute(Step(environment, "e", release))
        for _ in range(ENDED_REMEMBERED_MAX + 1):
            other, _ = await request(desk(journal, Once(new_id(), SEED)))
            release = ReleaseLock(by=OWNER, ticket_id=other)
            await journal.execute(Step(environment, "e", release))
        before = len(topics(journal))
        assert (await request(desk(journal)))[0] == ticket
        assert len(topics(journal)) == before

    asyncio.run(asking())


def test_of_two_at_once_one_does_it(journal: MemoryJournal) -> None:
    async def asking() -> None:
        await journal.execute(to("e", register()))
        answers = await asyncio.gather(*(request(desk(journal)) for _ in range(5)))
        assert len({ticket for ticket, _ in answers}) == 1

    asyncio.run(asking())
    assert topics(journal).count("LockRequested") == 1


def test_an_attempt_that_got_half_way_is_gone_on_with(journal: MemoryJournal) -> None:
    async def asking() -> None:
        await journal.execute(to("e", register()))
        await request(desk(journal))  # It was killed before the second part.
        whole = desk(journal)
        first, _ = await request(whole)
        second, outcome = await request(whole)
        assert first != second
        assert outcome.events

    asyncio.run(asking())
    assert topics(journal).count("LockRequested") == 2


def test_what_was_refused_was_not_done(journal: MemoryJournal) -> None:
    async def asking() -> None:
        with pytest.raises(EnvironmentNotFound):
            await request(desk(journal))
        await journal.execute(to("e", register()))
        _, outcome = await request(desk(journal))
        assert outcome.events

    asyncio.run(asking())
