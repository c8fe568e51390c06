"""A task comes to one end: completed, failed after so many attempts, or cancelled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.decider import Reach, check_reach
from domain.errors import Forbidden
from domain.event import Actor, Command
from domain.roles import Role
from domain.task.errors import NotYourTask, StaleAttempt, TaskOver
from domain.task.events import Backoff, Retry, TaskEvent
from domain.task.lifecycle import belongs_to, lifecycle
from domain.task.task import Task
from tests.support.builders import OWNER, STRANGER, at
from tests.support.spec import Spec
from tests.support.task_words import (
    CI,
    WORKER,
    abandon,
    asked_to_stop,
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
    running,
    silent,
    stalled,
    start,
    started,
    submitted,
)

waiting = Spec(lifecycle).given(submitted())
held = Spec(lifecycle).given(*running())
thrice = Spec(lifecycle).given(*running(Retry(3, Backoff(delay_ms=5_000))))
stopping = held.given(asked_to_stop(1))


def test_a_result_ends_it() -> None:
    result = {"n": [1, None]}
    held.when(complete(result=result), at(1)).then(completed(1, result))


def test_a_failure_ends_it_when_there_is_but_one_attempt() -> None:
    held.when(fail(), at(1)).then(failed(1))


def test_a_failure_is_tried_again_after_a_rest() -> None:
    thrice.when(fail(), at(1)).then(attempt_failed(1, 6))


def test_a_failure_for_good_is_not_tried_again() -> None:
    thrice.when(fail(may_retry=False), at(1)).then(failed(1))


def test_the_last_failure_ends_it() -> None:
    second = thrice.given(attempt_failed(1, 6), started(2, 70))
    second.when(fail(2), at(10)).then(attempt_failed(2, 15))
    third = second.given(attempt_failed(2, 15), started(3, 80))
    third.when(fail(3), at(20)).then(failed(3))


@pytest.mark.parametrize(
    ("command", "end"),
    [(complete(), completed(1)), (fail(), failed(1)), (confirm(), cancelled(1))],
)
def test_the_last_report_may_be_told_again(command: Command, end: object) -> None:
    held.given(end).when(command, at(900)).then()  # type: ignore[arg-type]


def test_another_last_report_is_too_late() -> None:
    held.given(completed(1)).when(fail(), at(2)).refused(StaleAttempt)
    held.given(failed(1)).when(complete(), at(2)).refused(StaleAttempt)


def test_a_silent_worker_loses_it_to_the_next() -> None:
    held.when(start("l2"), at(60)).then(stalled(1, 60), started(2, 120))


def test_a_silent_worker_is_no_failure_of_the_task() -> None:
    after = held.given(stalled(1, 60), started(2, 120)).state
    assert (after.failures, after.stalls) == (0, 1)


def test_a_worker_that_gives_it_back_counts_as_lost_unless_it_puts_it_off() -> None:
    held.when(abandon(), at(5)).then(stalled(1, 5))
    put_off = replace(stalled(1, 12), is_put_off=True)
    held.when(abandon(put_off_seconds=7), at(5)).then(put_off)
    again = held.given(put_off, started(2, 80))
    assert (again.state.failures, again.state.stalls) == (0, 0)
    again.when(abandon(2), at(20)).then(stalled(2, 20))
    again.given(stalled(2, 20), started(3, 99)).when(abandon(3), at(30)).then(silent(3))


def test_it_loses_only_so_many_workers() -> None:
    again = held.given(stalled(1, 60), started(2, 120))
    gone = again.when(await_end(), at(120))
    gone.then(silent(2))


def test_it_may_be_told_to_lose_none() -> None:
    once = Spec(lifecycle).given(*running(Retry(max_stalled_count=0)))
    once.when(await_end(), at(60)).then(silent(1))


def test_what_nobody_began_is_cancelled_at_once() -> None:
    waiting.when(cancel(), at(1)).then(cancelled(0))


def test_what_rests_between_attempts_is_cancelled_at_once() -> None:
    thrice.given(attempt_failed(1, 6)).when(cancel(), at(2)).then(cancelled(1))


def test_what_runs_is_asked_to_stop() -> None:
    held.when(cancel(), at(1)).then(asked_to_stop(1))


def test_an_owner_may_cancel_it_and_a_stranger_not() -> None:
    held.when(cancel(OWNER), at(1)).then(asked_to_stop(1, OWNER.id))
    held.when(cancel(STRANGER), at(1)).refused(NotYourTask)
    held.when(await_end(STRANGER), at(1)).refused(NotYourTask)


def test_a_person_called_like_an_application_is_somebody_else() -> None:
    person = Actor(CI.id, Role.APPLICATION)
    held.when(cancel(person), at(1)).refused(NotYourTask)


def test_to_cancel_again_is_nothing_new() -> None:
    stopping.when(cancel(), at(2)).then()
    stopping.given(cancelled(1)).when(cancel(), at(2)).then()


@pytest.mark.parametrize("end", [completed(1), failed(1)])
def test_what_has_come_to_its_end_cannot_be_cancelled(end: object) -> None:
    over = held.given(end)  # type: ignore[arg-type]
    over.when(cancel(), at(2)).refused(TaskOver, "already")


def test_the_worker_hears_of_the_cancellation() -> None:
    held.when(await_cancellation(), at(1)).waits("cancel")
    assert lifecycle.wakes(asked_to_stop(1)) == "cancel"
    stopping.when(await_cancellation(), at(2)).then()


def test_the_worker_confirms_that_it_has_stopped() -> None:
    stopping.when(confirm(), at(2)).then(cancelled(1))
    stopping.when(abandon(), at(2)).then(cancelled(1))


def test_a_worker_may_stop_unasked() -> None:
    held.when(confirm(), at(2)).then(cancelled(1, WORKER.id))


def test_what_breaks_while_it_is_stopped_is_cancelled_and_not_tried_again() -> None:
    breaking = thrice.given(asked_to_stop(1))
    breaking.when(fail(), at(2)).then(cancelled(1))


def test_what_is_done_before_it_is_stopped_is_done() -> None:
    stopping.when(complete(), at(2)).then(completed(1))


def test_while_it_is_being_stopped_it_is_held() -> None:
    stopping.when(extend(), at(30)).then(extended(1, 90))


def test_a_worker_that_dies_while_stopping_has_stopped() -> None:
    stopping.when(await_end(), at(60)).then(cancelled(1))


def test_time_has_nothing_to_say_to_what_is_over() -> None:
    over = held.given(completed(1))
    assert lifecycle.due(over.state) is None
    assert not lifecycle.lapse(over.state, at(999))
    assert lifecycle.due(held.state) == at(60)


def test_a_limited_caller_reaches_the_tasks_of_its_repositories() -> None:
    limited = Actor("ci", Role.OWNER, repositories=frozenset({"acme/shop"}))
    mine = Spec(lifecycle).given(submitted(repository="Acme/Shop"))
    other = Spec(lifecycle).given(submitted(repository="acme/bank"))
    mine.when(cancel(limited), at(1)).then(cancelled(0))
    other.when(cancel(limited), at(1)).refused(Forbidden)
    waiting.when(cancel(limited), at(1)).refused(Forbidden)
    assert belongs_to(cancel(), Task()) is Reach.EVERYBODY
    check_reach(limited, Reach.EVERYBODY)


@pytest.mark.parametrize("end", [completed(1), failed(1), cancelled(1)])
def test_of_what_a_task_was_given_nothing_is_remembered_once_it_is_over(
    end: TaskEvent,
) -> None:
    before, after = held.state.order, held.given(end).state.order
    assert before.data
    assert after == replace(before, data={})
