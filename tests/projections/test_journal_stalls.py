"""A database that stalls: nobody waits without end, and nothing runs wild meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.errors import JournalUnavailable
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.journal import RETRY_SECONDS
from projections.storage.recorder import Tip
from tests.projections.journal_breakage import commits_that_take, one_waits
from tests.projections.journal_contract import (
    StoredRig,
    begin,
    check_the_order_of,
    kinds,
    parked,
    records_in,
    stored,
    until,
    wait_for,
)
from tests.support.builders import nudge, release, request, to


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


def let_it_be_due(rig: StoredRig) -> None:
    """As if the lease had passed, and the timer rang."""
    rig.parking.look_again("e", rig.journal.now())
    rig.journal._look_again_when_due()


def test_who_cannot_get_the_lock_is_told_so_after_one_timeout(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0
    monkeypatch.setattr("projections.storage.database.LOCK_TIMEOUT_MS", 100)

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            start = rig.appender._recorder.begin

            async def count(*values: Any) -> tuple[Tip, Sequence[Recorded]]:
                nonlocal attempts
                attempts += 1
                return await start(*values)

            monkeypatch.setattr(rig.appender._recorder, "begin", count)
            with psycopg.connect(journal_url) as busy:
                busy.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
                with pytest.raises(JournalUnavailable):
                    await rig.journal.execute(to("e", request("a")))
            assert attempts == 1
            outcome = await rig.journal.execute(to("e", request("b")))
            assert list(outcome.states[0].queue.tickets) == ["b"]

    asyncio.run(scenario())


def test_a_session_frozen_in_the_middle_of_an_append_delays_others_briefly(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            frozen = Database(journal_url).connect()
            frozen.execute("BEGIN")
            frozen.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
            outcome = await rig.journal.execute(to("e", request("a")))
            assert kinds(outcome.events) == ["LockRequested", "LockGranted"]
            with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
                frozen.execute("SELECT 1")
            frozen.close()

    asyncio.run(scenario())


def test_while_the_database_is_down_what_is_due_causes_no_storm(
    journal_url: str,
) -> None:
    attempts: list[float] = []

    async def refuse(*_: Any) -> Any:
        attempts.append(monotonic())
        raise psycopg.OperationalError("connection refused")

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            waiting = await one_waits(rig)
            with pytest.MonkeyPatch.context() as patch:
                for name in ("open", "append_if"):
                    patch.setattr(rig.appender._recorder, name, refuse)
                let_it_be_due(rig)
                await until(
                    lambda: monotonic() - attempts[0] > 0.1 if attempts else False
                )
                over = monotonic() - attempts[0]
                assert len(attempts) <= 2 + over / RETRY_SECONDS
            await rig.journal.execute(to("e", release("a")))
            assert (await waiting).states[0].queue.holder.id == "b"

    asyncio.run(scenario())


def test_while_an_append_takes_long_what_is_due_is_looked_at_once(
    journal_url: str,
) -> None:
    rings: list[object] = []

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            waiting = await one_waits(rig)
            ring = rig.journal.ring

            def count(streams: Sequence[str]) -> None:
                rings.append(streams)
                ring(streams)

            rig.journal.ring = count  # type: ignore[method-assign, assignment]
            with commits_that_take(rig) as (committing, go_on):
                let_it_be_due(rig)
                await committing.wait()
                began = monotonic()
                await until(lambda: monotonic() - began > 0.05)
                go_on.set()
            await rig.journal.execute(to("e", release("a")))
            await waiting
            assert rings == [["e"]]

    asyncio.run(scenario())


def test_callers_are_not_kept_by_a_database_that_does_not_answer(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[set[str]] = []
    # However slow all is here: it is decided at once, and not again.
    monkeypatch.setattr("projections.storage.recorder.LATE_US_MAX", 3_600_000_000)

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", nudge()))
            rig.journal.announce = lambda streams: settled.append(set(streams))
            with (
                pytest.MonkeyPatch.context() as impatient,
                commits_that_take(rig) as (committing, go_on),
            ):
                impatient.setattr("projections.storage.journal.PATIENCE_SECONDS", 0.02)
                first = asyncio.create_task(rig.journal.execute(to("e", request("a"))))
                await committing.wait()
                second = rig.journal.execute(to("e", request("b")))
                answers = await asyncio.gather(first, second, return_exceptions=True)
                assert {type(answer) for answer in answers} == {JournalUnavailable}
                assert len(records_in(journal_url)) == 1
                impatient.undo()
                go_on.set()
                await until(lambda: settled == [{"e"}])
            outcome = await rig.journal.execute(to("e", request("c")))
            assert list(outcome.states[0].queue.tickets) == ["a", "c"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_the_journal_s_time_is_never_before_its_last_event(journal_url: str) -> None:
    """As when a standby takes over whose clock is behind."""
    turn_back = """UPDATE berth_events SET state = convert_to(jsonb_set(
        convert_from(state, 'UTF8')::jsonb, '{origin,at}', %s)::text, 'UTF8')"""
    ahead = "2100-01-01T00:00:00Z"

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            with psycopg.connect(journal_url) as connection:
                connection.execute(turn_back, [f'"{ahead}"'])
            outcome = await rig.journal.execute(to("e", request("a")))
            assert outcome.at == datetime.fromisoformat(ahead)
            assert rig.journal.now() >= outcome.at
        async with stored(journal_url) as restarted:
            assert restarted.journal.now() >= outcome.at
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_while_the_database_s_clock_is_behind_nobody_looks_again_and_again(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a", lease=600)))
            await rig.journal.execute(to("e", request("b")))
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            rig.journal._told += timedelta(hours=1)  # As it was told before.
            rig.journal._look_again_when_due()
            assert rig.journal._wake_up
            now = asyncio.get_running_loop().time()
            assert rig.journal._wake_up.when() > now
            waiting.cancel()

    asyncio.run(scenario())


def test_the_journal_s_time_never_goes_back(journal_url: str) -> None:
    """Also when a commit takes long, and its instant is old when it is over."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            with commits_that_take(rig) as (committing, go_on):
                call = asyncio.create_task(rig.journal.execute(to("e", nudge())))
                await committing.wait()
                began = monotonic()
                await until(lambda: monotonic() - began > 0.05)
                before = rig.journal.now()
                go_on.set()
                await call
            assert rig.journal.now() >= before

    asyncio.run(scenario())
