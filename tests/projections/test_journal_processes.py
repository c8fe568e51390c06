"""Several processes on one database: none decides on less than everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from contextlib import AsyncExitStack, suppress
from random import Random

import pytest

from domain.decider import Outcome, StillWaiting
from domain.environment.environment import environment
from domain.environment.lock import LockCommand
from domain.errors import DomainError
from projections.storage.heads import Heads
from tests.projections.journal_contract import (
    begin,
    check_the_order_of,
    folded,
    kinds,
    parked,
    records_in,
    stored,
    until,
)
from tests.support.builders import acquire, nudge, release, renew, request, to

LONG_SECONDS = 20


def test_what_one_appends_the_other_knows_before_it_decides(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "e")
            await ours.journal.execute(to("e", request("a")))
            second = await theirs.journal.execute(to("e", request("b")))
            assert kinds(second.events) == ["LockRequested"]
            third = await ours.journal.execute(to("e", request("c")))
            assert list(third.states[0].queue.tickets) == ["a", "b", "c"]

    asyncio.run(scenario())


def test_also_of_a_stream_that_one_of_them_has_not_touched_for_long(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "x", "y")
            await ours.journal.execute(to("x", request("a")))
            await theirs.journal.execute(to("y", request("a")))
            await theirs.journal.execute(to("x", request("b")))
            await ours.journal.execute(to("y", request("b")))
            await theirs.journal.execute(to("y", request("c")))
            for rig in (ours, theirs):
                outcome = await rig.journal.execute(
                    to("x", request("a")),
                    to("y", request("a")),
                )
                x, y = outcome.states
                assert list(x.queue.tickets) == ["a", "b"]
                assert list(y.queue.tickets) == ["a", "b", "c"]

    asyncio.run(scenario())


def some_command(dice: Random, tickets: list[str]) -> LockCommand:
    if not tickets or dice.random() < 0.4:
        tickets.append(f"t{len(tickets)}")
        return request(tickets[-1])
    recent = dice.choice(tickets[-4:])
    deeds: list[LockCommand] = [acquire(recent), release(recent), renew(recent)]
    return dice.choice(deeds)


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_they_write_all_know_the_same(
    journal_url: str, seed: int
) -> None:
    """Also when calls gather, touch several streams, or one process forgets much."""
    dice = Random(seed)
    streams = ["e1", "e2", "e3", "e4"]

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            rigs = [
                await stack.enter_async_context(stored(journal_url)) for _ in range(3)
            ]
            rigs[2].appender.heads = Heads(2)
            await begin(rigs[0], *streams)
            tickets: dict[str, list[str]] = {stream: [] for stream in streams}
            for _ in range(80):
                calls = []
                for _ in range(dice.choice([1, 1, 1, 4])):
                    some = dice.sample(streams, dice.choice([1, 1, 2]))
                    steps = [to(s, some_command(dice, tickets[s])) for s in some]
                    calls.append(dice.choice(rigs).journal.execute(*steps))
                await asyncio.gather(*(tolerated(call) for call in calls))
            records = records_in(journal_url)
            check_the_order_of(records)
            for rig in rigs:
                outcome = await rig.journal.execute(*(to(s, nudge()) for s in streams))
                for stream, state in zip(streams, outcome.states, strict=True):
                    assert state == folded(environment, records, stream)

    async def tolerated(call: Awaitable[Outcome]) -> None:
        with suppress(DomainError, StillWaiting):
            await call

    asyncio.run(scenario())


@pytest.mark.parametrize("asks", ["bell", "bell for another", "call", "one call"])
def test_who_waits_beside_a_stream_that_was_forgotten_meanwhile_is_woken(
    journal_url: str, asks: str
) -> None:
    """What others appended is in its past by then, when it is loaded again."""

    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "e", "f")
            for stream in ("e", "f"):
                await ours.journal.execute(*(to(stream, request(t)) for t in "ab"))
            waits = [
                [to("e", acquire("b"))],
                [to("f", acquire("b")), to("e", nudge())],
            ]
            waiting = [
                asyncio.create_task(
                    theirs.journal.execute(*steps, wait_seconds=LONG_SECONDS)
                )
                for steps in waits
            ]
            await parked(theirs, 2)
            for stream in ("e", "f"):
                await ours.journal.execute(to(stream, release("a")))
            known = {"f": theirs.appender.heads["f"]}
            theirs.appender.heads = Heads()
            match asks:
                case "bell":
                    theirs.journal.ring(["e", "f"])
                case "bell for another":
                    theirs.appender.heads.keep(known)
                    theirs.journal.ring(["f"])
                case "call":
                    await theirs.journal.execute(to("e", nudge()), to("f", nudge()))
                case _:
                    await theirs.journal.execute(to("f", nudge()))
            for held in await asyncio.gather(*waiting):
                assert held.states[0].queue.holder.id == "b"

    asyncio.run(scenario())


def test_the_bell_wakes_a_call_parked_in_another_process(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "e")
            await ours.journal.execute(to("e", request("a")), to("e", request("b")))
            waiting = asyncio.create_task(
                theirs.journal.execute(to("e", acquire("b")), wait_seconds=LONG_SECONDS)
            )
            await parked(theirs, 1)
            given_back = await ours.journal.execute(to("e", release("a")))
            assert not waiting.done()
            theirs.journal.ring(["e"])
            held = await waiting
            assert held.states[0].queue.holder.id == "b"
            assert records_in(journal_url)[-1].origin.cause == given_back.position

    asyncio.run(scenario())


def test_a_woken_call_sees_what_others_wrote_to_its_other_stream(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "e", "other")
            await ours.journal.execute(to("e", request("a")), to("e", request("b")))
            waiting = asyncio.create_task(
                ours.journal.execute(
                    to("other", request("x")),
                    to("e", acquire("b")),
                    wait_seconds=LONG_SECONDS,
                )
            )
            await parked(ours, 1)
            await theirs.journal.execute(to("other", request("first")))
            await ours.journal.execute(to("e", release("a")))
            outcome = await waiting
            assert list(outcome.states[0].queue.tickets) == ["first", "x"]
            assert kinds(outcome.events) == ["LockRequested", "LockAcquired"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_ringing_for_a_stream_where_nobody_waits_is_idle(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            rig.journal.ring(["e", "unknown"])
            outcome = await rig.journal.execute(to("e", request("a")))
            assert outcome.position == 3

    asyncio.run(scenario())


def test_of_each_append_those_streams_are_named_that_may_concern_others(
    journal_url: str,
) -> None:
    heard: list[set[str]] = []

    def hear(streams: Collection[str]) -> None:
        heard.append(set(streams))

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            rig.journal.announce = hear
            await begin(rig, "e", "other")
            assert heard == [set()]  # Nobody waits for a registration.
            await rig.journal.execute(to("e", request("a")), to("e", request("b")))
            assert heard.pop() == {"e"}  # Of these tickets, one was granted.
            await rig.journal.execute(to("e", release("a")))
            assert heard.pop() == {"e"}  # So was the other one, wherever it waits.

    asyncio.run(scenario())


def test_what_was_waited_for_here_is_not_named(journal_url: str) -> None:
    heard: list[Collection[str]] = []

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a")), to("e", request("b")))
            waiting = asyncio.create_task(
                rig.journal.execute(to("e", acquire("b")), wait_seconds=LONG_SECONDS)
            )
            await parked(rig, 1)
            rig.journal.announce = heard.append
            await rig.journal.execute(to("e", release("a")))
            await waiting
            assert heard == [set()]

    asyncio.run(scenario())


def test_who_waits_is_sent_home_when_the_process_stops(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a")), to("e", request("b")))
            waiting: asyncio.Task[Outcome] = asyncio.create_task(
                rig.journal.execute(to("e", acquire("b")), wait_seconds=LONG_SECONDS)
            )
            await parked(rig, 1)
            rig.journal.release_waiting(ConnectionAbortedError("stopping"))
            with pytest.raises(ConnectionAbortedError):
                await waiting
            await until(lambda: rig.journal.waiting == 0)
            with pytest.raises(ConnectionAbortedError):  # So is who comes afterwards.
                await rig.journal.execute(
                    to("e", acquire("b")), wait_seconds=LONG_SECONDS
                )

    asyncio.run(scenario())
