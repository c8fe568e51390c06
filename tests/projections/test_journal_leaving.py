"""Who waits no longer is told so, keeps the place, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.decider import StillWaiting
from domain.environment.queue import TicketStatus
from domain.environment.standing import standing
from domain.errors import TicketEnded
from tests.projections.journal_breakage import commits_that_take
from tests.projections.journal_contract import (
    OpenRig,
    do,
    parked,
    stored,
    taken,
    wait_for,
)
from tests.support.builders import OWNER, acquire, nudge, release, to


def test_who_will_not_wait_is_told_at_once(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            with pytest.raises(StillWaiting) as told:
                await rig.journal.execute(to("e", acquire("b")))
            place = standing(told.value.state.queue, "b", told.value.at)
            assert place is not None
            assert (place.position, place.wait_seconds) == (1, 600)

    asyncio.run(scenario())


def test_who_waits_long_enough_is_told_and_keeps_the_place(open_rig: OpenRig) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b", "c")
            waiting = wait_for(rig, "c", 0.02)
            with pytest.raises(StillWaiting) as told:
                await waiting
            place = standing(told.value.state.queue, "c", told.value.at)
            assert place is not None
            assert place.position == 2
            assert len(rig.records()) == 6
            outcome = await do(rig, release("a"))
            assert list(outcome.states[0].queue.tickets) == ["b", "c"]

    asyncio.run(scenario())


def test_who_goes_away_leaves_nothing_behind_and_keeps_the_place(
    open_rig: OpenRig,
) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            gone = wait_for(rig, "b")
            await parked(rig, 1)
            gone.cancel()
            await asyncio.wait([gone])
            assert len(rig.parking) == 0
            outcome = await do(rig, release("a"))
            assert outcome.states[0].queue.holder.id == "b"
            assert outcome.states[0].queue.holder.status is TicketStatus.GRANTED

    asyncio.run(scenario())


def test_who_goes_away_while_being_parked_leaves_nothing_behind_either(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig, "b")
            with commits_that_take(rig) as (committing, go_on):
                gone = wait_for(rig, "b")
                await committing.wait()
                gone.cancel()
                await asyncio.wait([gone])
                go_on.set()
                await do(rig, nudge())
            assert len(rig.parking) == 0
            assert "e" not in rig.parking

    asyncio.run(scenario())


def test_who_goes_away_before_being_decided_is_skipped(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig, "b")
            with commits_that_take(rig) as (committing, go_on):
                first = asyncio.create_task(do(rig, nudge()))
                await committing.wait()
                gone = asyncio.create_task(do(rig, release("a")))
                await asyncio.sleep(0)
                gone.cancel()
                await asyncio.wait([gone])
                go_on.set()
                await first
            outcome = await do(rig, nudge())
            assert outcome.states[0].queue.holder.id == "a"

    asyncio.run(scenario())


@pytest.mark.parametrize("actor", [None, OWNER])
def test_a_withdrawal_ends_the_waiting(open_rig: OpenRig, actor: Any) -> None:
    async def scenario() -> None:
        async with open_rig() as rig:
            await taken(rig, "b")
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, release("b", actor=actor))
            with pytest.raises(TicketEnded, match="withdrawn"):
                await waiting

    asyncio.run(scenario())
