"""A task is run by one worker at a time, which reports for as long as it holds it."""

from __future__ import annotations

import pytest

from domain.task.commands import RequireGoing, RequireOver
from domain.task.errors import (
    AttemptRunning,
    InstanceGoing,
    InstanceOver,
    StaleAttempt,
    TaskNotFound,
    TaskNotReady,
    TaskOver,
)
from domain.task.events import TaskEvent, TaskProgressed, TaskSubmitted
from domain.task.lifecycle import lifecycle
from tests.support.builders import at
from tests.support.spec import Spec
from tests.support.task_words import (
    CI,
    SUBMITTER,
    WORKER,
    attempt_failed,
    await_cancellation,
    await_end,
    cancel,
    cancelled,
    complete,
    completed,
    confirm,
    extend,
    extended,
    fail,
    failed,
    order,
    progress,
    running,
    stalled,
    start,
    started,
    submit,
    submitted,
)

nothing = Spec(lifecycle)
waiting = nothing.given(submitted())
held = nothing.given(*running())
ENDS: list[TaskEvent] = [completed(1), failed(1), cancelled(1)]


def test_a_task_that_is_submitted_is_ready_at_once() -> None:
    nothing.when(submit(), at(5)).then(submitted(5))


def test_a_task_may_be_for_later() -> None:
    nothing.when(submit(ready_at=at(60)), at(5)).then(submitted(60))


def test_what_was_for_earlier_is_for_now() -> None:
    nothing.when(submit(ready_at=at(-60)), at(5)).then(submitted(5))


def test_a_task_submitted_twice_is_one() -> None:
    waiting.when(submit(), at(5)).then()


def test_an_instance_at_the_start_of_a_schedule_is_for_now() -> None:
    instance = TaskSubmitted(order(), SUBMITTER, at(5), "s", at(5))
    nothing.when(submit(schedule_id="s"), at(5)).then(instance)


@pytest.mark.parametrize("command", [start(), complete(), cancel(), await_end()])
def test_nothing_can_be_asked_of_a_task_that_is_not_there(command: object) -> None:
    nothing.when(command, at(0)).refused(TaskNotFound)  # type: ignore[arg-type]


def test_a_worker_starts_it_for_as_long_as_its_lease() -> None:
    waiting.when(start(), at(1)).then(started(1, 61))


def test_nobody_starts_it_before_its_time() -> None:
    early = nothing.given(submitted(60))
    early.when(start(), at(59)).refused(TaskNotReady)
    early.when(start(), at(60)).then(started(1, 120))


def test_nobody_starts_it_beside_another() -> None:
    held.when(start("l9"), at(59)).refused(AttemptRunning, "attempt 1")


def test_a_start_told_again_is_the_same_start() -> None:
    held.when(start(), at(59)).then()


@pytest.mark.parametrize("end", ENDS)
def test_nobody_starts_it_when_it_is_over(end: TaskEvent) -> None:
    held.given(end).when(start("l2"), at(5)).refused(TaskOver)


def test_every_start_is_another_attempt() -> None:
    again = held.given(attempt_failed(1, 10))
    again.when(start("l2"), at(10)).then(started(2, 70))


def test_a_lease_is_extended_from_now_on() -> None:
    held.when(extend(), at(40)).then(extended(1, 100))


def test_progress_is_told() -> None:
    held.when(progress(), at(40)).then(TaskProgressed(1, 50))


def test_a_worker_in_time_keeps_its_lease() -> None:
    held.given(extended(1, 100)).when(complete(), at(99)).then(completed(1))


@pytest.mark.parametrize(
    "command", [extend(), progress(), complete(), fail(), confirm()]
)
def test_a_report_after_the_lease_comes_too_late(command: object) -> None:
    late = held.when(command, at(60))  # type: ignore[arg-type]
    late.refused(StaleAttempt)
    assert late.lapsed == [stalled(1, 60)]


def test_a_report_of_an_attempt_before_comes_too_late() -> None:
    second = held.given(stalled(1, 60), started(2, 120))
    second.when(complete(1), at(70)).refused(StaleAttempt)
    second.when(complete(2), at(70)).then(completed(2))


def test_a_report_under_another_lease_is_none() -> None:
    held.when(complete(1, "l9"), at(1)).refused(StaleAttempt)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", [extend(), progress(), await_cancellation()])
def test_nothing_is_reported_of_a_task_that_is_over(
    end: TaskEvent, command: object
) -> None:
    over = held.given(end)
    over.when(command, at(1)).refused(StaleAttempt)  # type: ignore[arg-type]


def test_the_end_waits_for_nobody_but_whoever_asks_waits_for_it() -> None:
    held.when(await_end(), at(1)).waits("end")
    held.given(completed(1)).when(await_end(), at(1)).then()


def test_whoever_waits_for_the_end_is_woken_by_it() -> None:
    assert {lifecycle.wakes(end) for end in ENDS} == {"end"}


def test_the_relay_hears_of_what_may_be_started() -> None:
    ready: list[TaskEvent] = [submitted(), attempt_failed(1, 10), stalled(1, 60)]
    assert {lifecycle.wakes(event) for event in ready} == {"ready"}


def test_a_task_that_goes_on_can_be_required_not_to() -> None:
    is_over, goes_on = RequireOver(by=CI), RequireGoing(by=WORKER)
    held.when(is_over, at(1)).refused(InstanceGoing)
    held.when(goes_on, at(1)).then()
    for end in ENDS:
        held.given(end).when(is_over, at(1)).then()
        held.given(end).when(goes_on, at(1)).refused(InstanceOver)
