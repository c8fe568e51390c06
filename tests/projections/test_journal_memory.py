"""The journal in memory has a clock to turn, and can be out of order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Thread

import pytest

from domain.decider import Outcome, StillWaiting
from domain.environment.environment import environment
from domain.errors import JournalUnavailable
from tests.projections.journal_contract import kinds, until
from tests.support.builders import NOON, acquire, nudge, register, release, request, to
from tests.support.memory import Hands, MemoryJournal

LONG_SECONDS = 3_600


async def one_waits(journal: MemoryJournal, seconds: float) -> asyncio.Task[Outcome]:
    """`a` holds for ten minutes, `b` waits for it."""
    held = [register(), request("a", lease=600), acquire("a"), request("b")]
    await journal.execute(*(to("e", command) for command in held))
    waiting = asyncio.create_task(
        journal.execute(to("e", acquire("b")), wait_seconds=seconds)
    )
    await until(lambda: journal.waiting == 1)
    return waiting


def test_it_is_noon_until_the_hands_are_turned(
    journal: MemoryJournal, clock: Hands
) -> None:
    assert journal.now() == NOON
    clock.turn(minutes=2, seconds=1)
    assert journal.now() == NOON + timedelta(seconds=121)


def test_a_clock_turned_back_does_not_turn_the_journal_back(
    journal: MemoryJournal, clock: Hands
) -> None:
    async def scenario() -> None:
        await journal.execute(to("e", register()))
        clock.turn(minutes=-5)
        outcome = await journal.execute(to("e", request("a")))
        assert outcome.at == journal.now() == NOON

    asyncio.run(scenario())


@pytest.mark.parametrize("in_another_thread", [False, True])
def test_who_waits_gets_the_lock_when_the_hands_pass_the_expiry(
    journal: MemoryJournal, clock: Hands, in_another_thread: bool
) -> None:
    async def scenario() -> None:
        waiting = await one_waits(journal, LONG_SECONDS)
        if in_another_thread:
            hand = Thread(target=clock.turn, kwargs={"minutes": 10})
            hand.start()
            hand.join()
        else:
            clock.turn(minutes=10)
        assert (await waiting).states[0].queue.holder.id == "b"
        assert journal.waiting == 0

    asyncio.run(scenario())


def test_who_waits_gives_up_when_the_hands_pass_its_time(
    journal: MemoryJournal, clock: Hands
) -> None:
    async def scenario() -> None:
        waiting = await one_waits(journal, 30)
        clock.turn(seconds=29)
        await asyncio.sleep(0)
        assert journal.waiting == 1
        clock.turn(seconds=1)
        with pytest.raises(StillWaiting) as told:
            await waiting
        assert told.value.at == NOON + timedelta(seconds=30)

    asyncio.run(scenario())


def test_what_came_first_counts_when_the_hands_are_turned_far(
    journal: MemoryJournal, clock: Hands
) -> None:
    async def scenario() -> None:
        gives_up = await one_waits(journal, 30)
        clock.turn(days=1)
        with pytest.raises(StillWaiting):
            await gives_up
        await journal.execute(to("e", nudge()))
        assert kinds(journal.events_of("e"))[-2:] == ["LockExpired", "LockGranted"]

    asyncio.run(scenario())


def test_a_woken_call_sees_what_time_has_done_to_its_other_stream(
    journal: MemoryJournal, clock: Hands
) -> None:
    async def scenario() -> None:
        (await one_waits(journal, LONG_SECONDS)).cancel()
        held = [register(), request("x", lease=60), acquire("x")]
        await journal.execute(*(to("other", command) for command in held))
        waiting = asyncio.create_task(
            journal.execute(
                to("e", acquire("b")),
                to("other", request("y")),
                wait_seconds=LONG_SECONDS,
            )
        )
        await until(lambda: journal.waiting == 1)
        clock.turn(minutes=5)
        await journal.execute(to("e", release("a")))
        assert (await waiting).states[1].queue.holder.id == "y"

    asyncio.run(scenario())


def test_while_it_is_down_nothing_happens(journal: MemoryJournal) -> None:
    async def scenario() -> None:
        await journal.execute(to("e", register()))
        journal.is_down = True
        with pytest.raises(JournalUnavailable):
            await journal.execute(to("e", request("a")))
        journal.is_down = False
        await journal.execute(to("e", request("b")), to("e", release("b")))
        state = journal.state_of(environment, "e")
        assert list(state.queue.ended) == ["b"]

    asyncio.run(scenario())
