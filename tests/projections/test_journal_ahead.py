"""What is decided ahead of the lock counts only if it would be decided so under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest

from projections.storage import append, journal
from projections.storage.arrivals import Arrivals
from projections.storage.batch import Batch
from projections.storage.parking import Call
from tests.projections.journal_contract import (
    StoredRig,
    check_the_order_of,
    do,
    kinds,
    parked,
    records_in,
    stored,
    taken,
    until,
    wait_for,
)
from tests.support.builders import nudge, release, request, to

AN_HOUR_LATER = """
UPDATE berth_events SET state = convert_to(jsonb_set(
    event_json(state)::jsonb, '{origin,at}',
    to_jsonb((event_json(state) #>> '{origin,at}')::timestamptz + interval '1 hour')
)::text, 'UTF8')
WHERE notification_id = (SELECT max(notification_id) FROM berth_events)
"""
HAND_OVER = ["LockReleased", "LockGranted", "LockAcquired"]


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[StoredRig]:
    """A process that decides ahead; `a` holds `e`, and `b` is in the queue."""
    async with stored(url) as rig:
        await taken(rig, "b")
        await do(rig, nudge())
        assert rig.appender._is_alone
        yield rig


def counted(rig: StoredRig, patch: pytest.MonkeyPatch) -> list[bool]:
    """For each append ahead, whether it was right."""
    append_if, verdicts = rig.appender._recorder.append_if, []

    async def count(*values: Any) -> Any:
        now = await append_if(*values)
        verdicts.append(now is not None)
        return now

    patch.setattr(rig.appender._recorder, "append_if", count)
    return verdicts


def watched(rig: StoredRig, patch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that were decided ahead and look who else comes."""
    company, batches = rig.appender._company, []

    async def watch(batch: Batch, others: Arrivals) -> list[Call]:
        batches.append(batch)
        return await company(batch, others)

    patch.setattr(rig.appender, "_company", watch)
    return batches


def test_who_is_alone_appends_in_one_round_trip(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with alone(journal_url) as rig:
            verdicts = counted(rig, monkeypatch)
            await do(rig, request("c"))
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, release("a"))
            await waiting
            assert verdicts
            assert all(verdicts)
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_who_joins_a_queue_goes_along_with_the_next_hand_over(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with alone(journal_url) as rig:
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            verdicts = counted(rig, monkeypatch)
            monkeypatch.setattr(append, "COMPANY_SECONDS", 0.2)
            batches = watched(rig, monkeypatch)
            joining = asyncio.create_task(do(rig, request("c")))
            await until(lambda: bool(batches))
            await do(rig, release("a"))
            await asyncio.gather(waiting, joining)
            assert verdicts == [True]

    asyncio.run(scenario())


def test_what_a_new_holder_does_next_comes_before_what_others_do(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the machine: the others are told once he is on his way."""
    monkeypatch.setattr(journal, "UNHURRIED_SECONDS", 3_600)

    async def scenario() -> None:
        async with alone(journal_url) as rig:
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            given_back = asyncio.ensure_future(
                rig.journal.execute(to("e", release("a")))
            )
            then = {}

            async def go_on(before: Any, name: str, command: Any) -> None:
                await before
                then[name] = (await do(rig, command)).at

            await asyncio.gather(
                go_on(given_back, "a", request("z")),
                go_on(waiting, "b", release("b")),
            )
            assert then["b"] < then["a"]

    asyncio.run(scenario())


def test_what_others_appended_meanwhile_undoes_it(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who was woken in vain is woken once more, and by the right event."""

    async def scenario() -> None:
        async with alone(journal_url) as rig, stored(journal_url) as theirs:
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(theirs, request("c"))
            verdicts = counted(rig, monkeypatch)
            given_back = await do(rig, release("a"))
            held = await waiting
            assert verdicts == [False]
            records = records_in(journal_url)
            check_the_order_of(records)
            assert kinds([record.event for record in records[-3:]]) == HAND_OVER
            assert records[-1].origin.cause == held.position - 1 == given_back.position
            assert list(held.states[0].queue.tickets) == ["b", "c"]
            await do(rig, nudge())
            assert rig.appender._is_alone

    asyncio.run(scenario())


def test_who_was_parked_in_vain_is_parked_once(journal_url: str) -> None:
    async def scenario() -> None:
        async with alone(journal_url) as rig, stored(journal_url) as theirs:
            await do(theirs, request("c"))
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            await do(rig, release("a"))
            assert kinds((await waiting).events) == ["LockAcquired"]
            assert len(rig.parking) == 0

    asyncio.run(scenario())


def test_who_is_out_of_time_while_it_is_undone_is_answered(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with alone(journal_url) as rig:
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            [call] = rig.parking._stands["e"].calls["b"]

            async def too_late(*_: Any) -> None:
                rig.journal._give_up(call)

            monkeypatch.setattr(rig.appender._recorder, "append_if", too_late)
            await do(rig, release("a"))
            assert kinds((await waiting).events) == ["LockAcquired"]
            assert len(rig.parking) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_went_wrong_decides_nothing(
    journal_url: str, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """As when the machine has slept, and its monotonic time stood still."""

    async def scenario() -> None:
        async with alone(journal_url) as rig:
            right = await do(rig, nudge())
            verdicts = counted(rig, monkeypatch)
            rig.appender._read_at = (right.at + timedelta(hours=hours), monotonic())
            outcome = await do(rig, request("c"))
            assert verdicts == [False]
            assert abs(outcome.at - right.at) < timedelta(minutes=1)
            assert kinds(outcome.events) == ["LockRequested"]
            await rig.journal.execute(to("e", request("d")))
            assert verdicts == [False, True]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_a_database_whose_clock_goes_back_does_not_turn_the_journal_back(
    journal_url: str,
) -> None:
    """Decided ahead of the lock or not: it is as late as it has been."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await taken(rig)
        with psycopg.connect(journal_url) as connection:
            connection.execute(AN_HOUR_LATER)
        latest = records_in(journal_url)[-1].origin.at
        async with stored(journal_url) as rig:
            assert rig.journal.now() >= latest
            for ticket in "bcd":
                assert (await do(rig, request(ticket))).at == latest
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_the_time_that_is_told_between_appends_does_not_go_back_either(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            told = rig.journal.now()
            rig.journal._read_at = (told - timedelta(hours=1), monotonic())
            assert rig.journal.now() == told

    asyncio.run(scenario())


def test_who_was_parked_and_woken_in_vain_is_decided_once(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: whoever came with the one who woke him asks again with him."""

    async def scenario() -> None:
        async with alone(journal_url) as rig, stored(journal_url) as theirs:
            await do(theirs, request("c"))
            verdicts = counted(rig, monkeypatch)
            parks: list[int] = []
            park = rig.parking.park

            def count(*values: Any) -> None:
                park(*values)
                parks.append(len(rig.parking))

            monkeypatch.setattr(rig.parking, "park", count)
            waiting = wait_for(rig, "b")
            given_back = asyncio.create_task(do(rig, release("a")))
            held, _ = await asyncio.gather(waiting, given_back)
            assert verdicts == [False]
            assert kinds(held.events) == ["LockAcquired"]
            assert parks == [1, 1]

    asyncio.run(scenario())
