"""A task stops when it is told to, or when its time is up; or it is stopped."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.workers.running.stage import (
    ATTEMPT,
    Ear,
    all_gone,
    assigned,
    carried_out,
    pids_in,
    server,
)
from workers.running import Cancelled, Completed, Ending, Failed, FailureKind, run


def stopped(task_type: str) -> tuple[Ending, Ear]:
    """Cancelled as soon as it says that it hangs."""

    async def stop() -> tuple[Ending, Ear]:
        ear = Ear()
        async with server() as forking:
            running = asyncio.create_task(forking.run(assigned(task_type), ear))
            await ear.until(lambda: "hanging" in ear.lines or ear.asked)
            assert forking.cancel(f"op-{task_type}", ATTEMPT)
            return await running, ear

    return asyncio.run(stop())


@pytest.mark.parametrize("task_type", ["tidy", "tidy_async"])
def test_a_cancelled_one_may_clean_up(task_type: str) -> None:
    ending, ear = stopped(task_type)
    assert ending == Cancelled()
    assert ear.lines == ["hanging", "tidied up"]


def test_one_that_looks_for_it_is_not_interrupted() -> None:
    """What it returns then does not count: it had been asked to stop before."""
    ending, ear = stopped("heed")
    assert ending == Cancelled()
    assert ear.lines == ["hanging", "stopped by itself"]


def test_one_that_ignores_it_is_killed_after_the_grace() -> None:
    assert stopped("ignore")[0] == Cancelled()


def test_the_children_of_a_cancelled_one_end_with_it() -> None:
    ending, ear = stopped("leave_children_and_hang")
    assert ending == Cancelled()
    assert all_gone(pids_in(ear))


def test_one_whose_question_is_never_answered_is_cancelled_all_the_same() -> None:
    ending, ear = stopped("wait_for_answer")
    assert ending == Cancelled()
    assert ear.asked == [("never", {})]


def test_one_that_takes_too_long_fails() -> None:
    ending, ear = carried_out("tidy", timeout_seconds=2)
    assert isinstance(ending, Failed)
    assert ending.kind == FailureKind.TIMED_OUT
    assert ending.message == "the task ran longer than the 2 s that it may"
    assert ear.lines == ["hanging", "tidied up"]


def test_its_type_may_say_how_long_it_may_take() -> None:
    ending, _ = carried_out("forgetful", name="Ada")
    assert isinstance(ending, Failed)
    assert ending.kind == FailureKind.TIMED_OUT


def test_one_that_has_ended_cannot_be_cancelled() -> None:
    async def cancel() -> bool:
        async with server() as forking:
            await forking.run(assigned("echo"), Ear())
            return forking.cancel("op-echo", ATTEMPT)

    assert not asyncio.run(cancel())


def test_one_whose_processes_do_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "KILL_SECONDS_MAX", 0.1)
    with capture_logs() as told:
        ending, ear = stopped("stop_keeper")
    assert ending == Cancelled()
    (given_up,) = (line for line in told if "do not end" in line["event"])
    assert pids_in(ear)[0] in given_up["processes"]


def test_what_is_left_of_one_that_was_given_up_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "KILL_SECONDS_MAX", 0.1)

    async def cancel() -> Ending:
        ear = Ear()
        async with server() as forking:
            task = forking.run(assigned("stop_keeper"), ear)
            running = asyncio.create_task(task)
            await ear.until_hanging()
            assert forking.cancel("op-stop_keeper", ATTEMPT)
            await running
            assert await asyncio.to_thread(all_gone, pids_in(ear))
            return await forking.run(assigned("echo"), Ear())

    assert asyncio.run(cancel()) == Completed({})


def test_a_keeper_that_is_stopped_ends_with_its_server() -> None:
    async def leave() -> list[int]:
        ear = Ear()
        async with server() as forking:
            task = forking.run(assigned("stop_keeper"), ear)
            running = asyncio.create_task(task)
            await ear.until_hanging()
        await running
        return pids_in(ear)

    assert all_gone(asyncio.run(leave()))


def test_it_ends_with_the_call_that_waits_for_it() -> None:
    async def give_up() -> Ear:
        ear = Ear()
        async with server() as forking:
            run = forking.run(assigned("leave_children_and_hang"), ear)
            running = asyncio.create_task(run)
            await ear.until_hanging()
            running.cancel()
            await asyncio.wait({running})
            assert all_gone(pids_in(ear))
        return ear

    assert asyncio.run(give_up()).lines
