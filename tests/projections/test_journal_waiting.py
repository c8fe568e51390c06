"""Calls that wait are woken by an event or by the time, in the same append."""

from __future__ import annotations

import asyncio
from dataclasses import replace as variant
from typing import Any

import pytest

from domain.decider import Step, StillWaiting
from domain.environment.environment import environment
from domain.environment.events import LockAcquired
from domain.roles import Role
from projections.storage.batch import Batch
from projections.storage.parking import Call
from tests.projections.journal_contract import (
    LONG_SECONDS,
    OpenRig,
    begin,
    do,
    kinds,
    parked,
    stored,
    taken,
    wait_for,
)
from tests.support.builders import acquire, nudge, release, renew, request, to


def test_a_release_and_the_next_acquire_are_one_append(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            given_back = await do(rig, release("a"))
            held = await waiting
            assert held.at == given_back.at
            assert kinds([r.event for r in rig.records()[-3:]]) == [
                "LockReleased",
                "LockGranted",
                "LockAcquired",
            ]
            assert held.position == given_back.position + 1
            assert held.states[0].queue.holder.id == "b"
            assert held.states[0].queue.fence == 2

    asyncio.run(scenario())


def test_what_was_woken_names_the_event_that_woke_it(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, release("a"))
            await waiting
            released, granted, acquired = rig.records()[-3:]
            assert acquired.origin.cause == granted.position
            assert acquired.origin.by == "by-b"
            assert released.origin.cause is granted.origin.cause is None

    asyncio.run(scenario())


def test_whose_time_is_over_before_it_is_decided_is_not_parked(
    journal_url: str,
) -> None:
    """It ends while the journal is read: there is nobody to send it home later."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig, "b")
        async with stored(journal_url) as rig, asyncio.timeout(20):
            with pytest.raises(StillWaiting):
                await wait_for(rig, "b", seconds=1e-6)

    asyncio.run(scenario())


def test_who_goes_away_while_a_stream_is_read_is_not_parked(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig, "b")
            answer = asyncio.get_running_loop().create_future()
            call = Call([to("e", acquire("b"))], answer, may_wait=True)
            batch = Batch(rig.appender.heads, rig.parking)
            batch.open(rig.journal.now(), 0, {})
            read = [answer.cancel() for _ in batch.decide([call])]
            assert read == [True]
            assert not rig.parking

    asyncio.run(scenario())


def test_only_the_one_whose_turn_it_is_is_woken(open_rig: OpenRig) -> None:
    asked: list[str] = []

    def count(command: Any, state: Any, at: Any) -> Any:
        asked.append(command.ticket_id)
        return environment.decide(command, state, at)

    counting = variant(environment, decide=count)

    async def scenario() -> None:
        async with open_rig() as rig:
            tickets = [f"t{n}" for n in range(100)]
            await taken(rig, *tickets)
            waiting = [
                asyncio.create_task(
                    rig.journal.execute(
                        Step(counting, "e", acquire(ticket)), wait_seconds=LONG_SECONDS
                    )
                )
                for ticket in tickets
            ]
            await parked(rig, 100)
            asked.clear()
            await do(rig, release("a"))
            await waiting[0]
            assert {*asked} == {"t0"}, "as often as the batch is decided"
            for call in waiting[1:]:
                call.cancel()
            await asyncio.wait(waiting)

    asyncio.run(scenario())


def test_a_whole_queue_is_served_in_order(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b", "c", "d")
            waiting = {t: wait_for(rig, t) for t in "dbc"}
            await parked(rig, 3)
            for before, after in ("ab", "bc", "cd"):
                await do(rig, release(before))
                held = await waiting[after]
                assert held.states[0].queue.holder.id == after

    asyncio.run(scenario())


def test_two_calls_for_one_ticket_get_the_same_lease(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            calls = [wait_for(rig, "b"), wait_for(rig, "b")]
            await parked(rig, 2)
            await do(rig, release("a"))
            first, second = await asyncio.gather(*calls)
            assert kinds(first.events) == ["LockAcquired"]
            assert kinds(second.events) == []
            leases = {c.states[0].queue.holder.expires_at for c in (first, second)}
            assert len(leases) == 1

    asyncio.run(scenario())


def test_what_does_not_concern_it_wakes_nobody(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, renew("a", 3_600))
            await do(rig, request("c"))
            assert len(rig.parking) == 1
            await do(rig, release("a"))
            await waiting

    asyncio.run(scenario())


def test_a_lease_that_passes_wakes_who_waits_without_anybody_calling(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig)
            await do(rig, request("x", lease=1))
            await do(rig, request("b"))
            short, waiting = wait_for(rig, "x"), wait_for(rig, "b")
            await parked(rig, 2)
            await do(rig, release("a"))
            [held_by_x] = (await short).events
            assert isinstance(held_by_x, LockAcquired)
            rig.pass_time(1)
            held = await waiting
            assert held.at >= held_by_x.expires_at
            expired, granted, acquired = rig.records()[-3:]
            assert kinds([expired.event, granted.event, acquired.event]) == [
                "LockExpired",
                "LockGranted",
                "LockAcquired",
            ]
            assert acquired.origin.cause == granted.position
            for record in (expired, granted):
                assert record.origin.by == "berth:time"
                assert record.origin.role is Role.OWNER
                assert record.origin.at == held.at

    asyncio.run(scenario())


def test_a_nudge_reports_what_time_has_done(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig)
            assert (await do(rig, nudge())).time_passed == 0
            short = [request("x", lease=1), acquire("x"), request("b")]
            await rig.journal.execute(
                *(to("e", command) for command in [release("a"), *short])
            )
            rig.pass_time(1)
            outcome = await do(rig, nudge())
            while not outcome.time_passed:
                outcome = await do(rig, nudge())
            assert (outcome.time_passed, list(outcome.events)) == (2, [])
            assert (await do(rig, nudge())).time_passed == 0

    asyncio.run(scenario())


def test_steps_that_wait_append_nothing_until_all_of_them_can(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            await begin(rig, "other")
            both = [to("other", request("x")), to("e", acquire("b"))]
            waiting = asyncio.create_task(
                rig.journal.execute(*both, wait_seconds=LONG_SECONDS)
            )
            await parked(rig, 1)
            await rig.journal.execute(to("other", request("first")))
            await do(rig, release("a"))
            outcome = await waiting
            assert kinds(outcome.events) == ["LockRequested", "LockAcquired"]
            assert list(outcome.states[0].queue.tickets) == ["first", "x"]

    asyncio.run(scenario())
