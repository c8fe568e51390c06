"""A connection that breaks before, during or after an append: no wrong answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace as variant
from datetime import datetime
from fcntl import F_DUPFD, fcntl
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

import psutil
import psycopg
import pytest
import uvloop
from structlog.testing import capture_logs

from domain.decider import Outcome, Step
from domain.environment.environment import environment
from domain.environment.lock import LockCommand
from domain.errors import JournalUnavailable
from tests.projections.journal_breakage import (
    commits_that_fail,
    kill_sessions,
    one_waits,
)
from tests.projections.journal_contract import (
    ENOUGH_SECONDS,
    StoredRig,
    begin,
    check_the_order_of,
    do,
    parked,
    records_in,
    stored,
    until,
    wait_for,
)
from tests.support.builders import acquire, release, renew, request, to


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


def test_a_connection_lost_between_appends_is_not_noticed(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            for ticket in "ab":
                kill_sessions(journal_url)
                await until(lambda: not rig.appender._recorder.is_open)
                outcome = await rig.journal.execute(to("e", request(ticket)))
            assert list(outcome.states[0].queue.tickets) == ["a", "b"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_one_lost_in_the_middle_of_an_append_fails_all_its_callers(
    journal_url: str,
) -> None:
    def pull_the_plug(command: Any, state: Any, at: datetime) -> Any:
        kill_sessions(journal_url)
        return environment.decide(command, state, at)

    fatal = Step(variant(environment, decide=pull_the_plug), "e", request("b"))

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            answers = await asyncio.gather(
                rig.journal.execute(to("e", request("a"))),
                rig.journal.execute(fatal),
                rig.journal.execute(to("e", request("c"))),
                rig.journal.execute(to("missing", request("d"))),
                return_exceptions=True,
            )
            assert {type(answer) for answer in answers} == {JournalUnavailable}
            assert len(records_in(journal_url)) == 1
            outcome = await rig.journal.execute(to("e", request("d")))
            assert list(outcome.states[0].queue.tickets) == ["d"]
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


@pytest.mark.parametrize("after_all", [False, True])
def test_after_a_commit_in_doubt_the_next_decision_knows_what_became_of_it(
    journal_url: str, after_all: bool
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            with (
                commits_that_fail(rig, after_all=after_all),
                pytest.raises(JournalUnavailable),
            ):
                await rig.journal.execute(to("e", request("a")))
            outcome = await rig.journal.execute(to("e", request("b")))
            expected = ["a", "b"] if after_all else ["b"]
            assert list(outcome.states[0].queue.tickets) == expected
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())


def test_a_failed_append_lets_nobody_it_woke_hang(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            waiting = await one_waits(rig)
            with commits_that_fail(rig, after_all=False):
                answers = await asyncio.gather(
                    rig.journal.execute(to("e", release("a"))),
                    waiting,
                    return_exceptions=True,
                )
            assert {type(answer) for answer in answers} == {JournalUnavailable}
            assert len(rig.parking) == 0

    asyncio.run(scenario())


def test_a_failed_append_does_not_postpone_the_next_look(journal_url: str) -> None:
    """What it would have renewed, it has not: the lease ends when it did before."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            waiting = await one_waits(rig)
            held = await rig.journal.execute(to("e", acquire("a")))
            with (
                commits_that_fail(rig, after_all=False),
                pytest.raises(JournalUnavailable),
            ):
                await rig.journal.execute(to("e", renew("a", 3_600)))
            assert rig.parking.next_due() == held.states[0].queue.holder.expires_at
            waiting.cancel()
            await asyncio.wait([waiting])

    asyncio.run(scenario())


def test_a_lost_connection_leaves_alone_who_has_its_number_now(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            wire = rig.appender._recorder._wire
            assert wire is not None
            kill_sessions(journal_url)
            await until(lambda: not wire.is_open)
            ends = os.pipe()
            ours, theirs = (fcntl(end, F_DUPFD, 500) for end in ends)
            for end in ends:
                os.close(end)
            number, heard = os.dup2(ours, wire._socket), asyncio.Event()
            asyncio.get_running_loop().add_reader(number, heard.set)
            rig.appender.close()
            os.write(theirs, b"x")
            async with asyncio.timeout(ENOUGH_SECONDS):
                await heard.wait()
            asyncio.get_running_loop().remove_reader(number)
            for end in (number, ours, theirs):
                os.close(end)

    asyncio.run(scenario())


def test_who_should_have_been_woken_by_a_failed_append_is_woken_later(
    journal_url: str,
) -> None:
    """Nobody rings a second time for what another process has appended."""

    async def scenario() -> None:
        async with stored(journal_url) as rig, stored(journal_url) as theirs:
            waiting = await one_waits(rig)
            await theirs.journal.execute(to("e", release("a")))
            with commits_that_fail(rig, after_all=False):
                rig.journal.ring(["e"])
                with pytest.raises(JournalUnavailable):
                    await rig.journal.execute(to("e", request("c")))
            held = await waiting
            assert held.states[0].queue.holder.id == "b"

    asyncio.run(scenario())


def test_who_waits_again_after_an_append_in_vain_is_looked_at_when_due(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig, stored(journal_url) as theirs:
            waiting = await one_waits(rig)
            held = await rig.journal.execute(to("e", acquire("a")))
            await theirs.journal.execute(to("e", request("c")))
            assert rig.appender._is_alone
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(rig.appender._recorder, "begin", gone)
                with pytest.raises(JournalUnavailable):
                    await rig.journal.execute(to("e", release("a")))
            assert rig.parking.next_due() == held.states[0].queue.holder.expires_at
            waiting.cancel()
            await asyncio.wait([waiting])

    async def gone(*_: Any) -> None:
        raise psycopg.OperationalError("gone")

    asyncio.run(scenario())


def test_who_is_looked_at_too_early_is_looked_at_once_more(journal_url: str) -> None:
    """A timer may be a little early: no timer of an event loop is exact."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            both = [to("e", request("a", lease=1)), to("e", request("b"))]
            await rig.journal.execute(*both)
            waiting = wait_for(rig, "b")
            await parked(rig, 1)
            assert rig.journal._wake_up
            rig.journal._wake_up.cancel()
            rig.journal._look_at_what_is_due()
            async with asyncio.timeout(ENOUGH_SECONDS / 2):
                held = await waiting
            assert held.states[0].queue.holder.id == "b"

    asyncio.run(scenario())


def test_a_session_that_ends_with_our_question_unread_is_noticed(
    journal_url: str,
) -> None:
    """On the loop that Berth runs on: it stops looking at a socket with an error."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            backend = rig.appender._recorder._wire._pg.backend_pid  # type: ignore[union-attr]
            os.kill(backend, SIGSTOP)
            asked = asyncio.create_task(rig.journal.execute(to("e", request("a"))))
            await until(lambda: rig.appender._recorder._wire._answer is not None)  # type: ignore[union-attr]
            os.kill(backend, SIGTERM)
            os.kill(backend, SIGCONT)
            while psutil.pid_exists(backend):
                time.sleep(0.01)  # noqa: ASYNC251 - its last word and its end come as one.
            async with asyncio.timeout(ENOUGH_SECONDS / 2):
                outcome = await asked  # It had not begun, so it was tried once more.
            assert list(outcome.states[0].queue.tickets) == ["a"]

    uvloop.run(scenario())


async def tried(rig: StoredRig, command: LockCommand) -> Outcome | None:
    """None if it is not known what came of it."""
    with suppress(JournalUnavailable):
        return await do(rig, command)
    return None


def test_a_database_that_has_fallen_silent_is_given_up(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network may drop what is sent and never say so. The first look is too early."""
    monkeypatch.setattr("projections.storage.journal.PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr("projections.storage.wire.SILENT_SECONDS_MAX", 0.75)

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            backend = rig.appender._recorder._wire._pg.backend_pid  # type: ignore[union-attr]
            os.kill(backend, SIGSTOP)
            try:
                with pytest.raises(JournalUnavailable):
                    await rig.journal.execute(to("e", request("a")))
                async with asyncio.timeout(ENOUGH_SECONDS / 2):
                    while (outcome := await tried(rig, request("b"))) is None:
                        pass
            finally:
                os.kill(backend, SIGCONT)
            assert list(outcome.states[0].queue.tickets) == ["b"]

    asyncio.run(scenario())
