"""At most so many tasks at once that share a key."""

from __future__ import annotations

from typing import Any

from domain.event import system
from domain.roles import Role
from domain.task.commands import AbandonAttempt, StartAttempt
from domain.task.concurrency import (
    GiveSlotBack,
    TakeSlot,
    TaskKey,
    TaskSlotGivenBack,
    TaskSlotLapsed,
    TaskSlotTaken,
    concurrency,
    slot_for,
    stream_of,
)
from domain.task.errors import KeyBusy, SlotNeeded, TaskNotReady
from domain.task.events import (
    FailureReason,
    Order,
    Retry,
    Submitter,
    TaskCancellationRequested,
    TaskCancelled,
    TaskFailed,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from domain.task.lifecycle import STALLED, lifecycle
from tests.support.builders import at
from tests.support.spec import Spec

WORKER = system("worker")
key = Spec(concurrency)
task = Spec(lifecycle)


def take(operation_id: str, at_most: int = 1) -> TakeSlot:
    return TakeSlot(
        by=WORKER, operation_id=operation_id, at_most=at_most, lock_duration_ms=60_000
    )


def give_back(operation_id: str) -> GiveSlotBack:
    return GiveSlotBack(by=WORKER, operation_id=operation_id)


def submitted(**order: Any) -> TaskSubmitted:
    return TaskSubmitted(
        order=Order("build", {}, **order),
        submitter=Submitter("ci", Role.APPLICATION),
        ready_at=at(0),
    )


def started(**facts: Any) -> TaskStarted:
    return TaskStarted(attempt=1, worker="w", **facts)


def test_a_free_slot_is_taken_for_as_long_as_the_lease() -> None:
    key.when(take("a"), at(0)).then(TaskSlotTaken("a", at(60)))


def test_no_more_are_taken_than_there_are() -> None:
    two = key.given(TaskSlotTaken("a", at(60)), TaskSlotTaken("b", at(60)))
    two.when(take("c", 2), at(1)).refused(KeyBusy, "2 of this concurrency key")
    two.when(take("c", 3), at(1)).then(TaskSlotTaken("c", at(61)))


def test_who_has_a_slot_keeps_it_up_however_few_there_are() -> None:
    taken = key.given(TaskSlotTaken("a", at(60)))
    taken.when(take("a"), at(20)).then(TaskSlotTaken("a", at(80)))


def test_what_was_given_back_is_free() -> None:
    taken = key.given(TaskSlotTaken("a", at(60)))
    taken.when(give_back("a"), at(5)).then(TaskSlotGivenBack("a"))
    free = taken.given(TaskSlotGivenBack("a"))
    free.when(take("b"), at(6)).then(TaskSlotTaken("b", at(66)))
    free.when(give_back("a"), at(6)).then()


def test_who_does_not_keep_it_up_has_lost_it() -> None:
    taken = key.given(TaskSlotTaken("a", at(60)))
    taken.when(take("b"), at(59)).refused(KeyBusy)
    taken.when(take("b"), at(60)).then(TaskSlotLapsed("a"), TaskSlotTaken("b", at(120)))
    assert concurrency.due(taken.state) == at(60)
    assert concurrency.due(TaskKey()) is None


def test_of_a_slot_that_is_free_others_hear_and_not_of_one_that_is_taken() -> None:
    assert concurrency.wakes(TaskSlotGivenBack("a"))
    assert concurrency.wakes(TaskSlotLapsed("a"))
    assert concurrency.wakes(TaskSlotTaken("a", at(60))) is None


def test_a_key_is_a_types_own_and_is_not_told() -> None:
    order = Order("build", {}, concurrency_key="secret branch")
    assert slot_for(order) == stream_of("build", "secret branch")
    assert stream_of("build", "x") != stream_of("test", "x")
    assert "secret" not in stream_of("build", "secret branch")
    assert slot_for(Order("build", {})) is None


def test_a_task_with_a_key_does_not_start_without_its_slot() -> None:
    pending = task.given(submitted(concurrency_key="main"))
    start = StartAttempt(by=WORKER, worker="w", lease_id="l")
    pending.when(start, at(1)).refused(SlotNeeded)
    keyed = StartAttempt(by=WORKER, worker="w", lease_id="l", has_slot=True)
    until = at(301)
    pending.when(keyed, at(1)).then(started(lease_id="l", lease_until=until))


def test_an_attempt_that_is_abandoned_is_for_another_worker_at_once() -> None:
    running = task.given(
        submitted(retry=Retry(max_stalled_count=1)),
        started(lease_id="l", lease_until=at(300)),
    )
    abandon = AbandonAttempt(by=WORKER, attempt=1, lease_id="l")
    running.when(abandon, at(9)).then(TaskStalled(1, ready_at=at(9)))


def test_an_attempt_that_is_put_off_counts_for_nothing() -> None:
    running = task.given(
        submitted(retry=Retry(max_stalled_count=0)),
        started(lease_id="l", lease_until=at(300)),
    )
    put_off = AbandonAttempt(by=WORKER, attempt=1, lease_id="l", put_off_seconds=20)
    later = TaskStalled(1, ready_at=at(29), is_put_off=True)
    running.when(put_off, at(9)).then(later)
    pending = running.given(later)
    start = StartAttempt(by=WORKER, worker="w", lease_id="m")
    pending.when(start, at(28)).refused(TaskNotReady)
    again = TaskStarted(2, "m", "w", at(329))
    pending.when(start, at(29)).then(again)
    silent = pending.given(again)
    assert lifecycle.lapse(silent.state, at(329)) == [
        TaskFailed(2, FailureReason.STALLED, STALLED)
    ]


def test_what_was_abandoned_too_often_has_failed() -> None:
    running = task.given(
        submitted(retry=Retry(max_stalled_count=0)),
        started(lease_id="l", lease_until=at(300)),
    )
    abandon = AbandonAttempt(by=WORKER, attempt=1, lease_id="l")
    running.when(abandon, at(9)).then(TaskFailed(1, FailureReason.STALLED, STALLED))


def test_what_is_abandoned_while_it_is_cancelled_is_cancelled() -> None:
    cancelling = task.given(
        submitted(),
        started(lease_id="l", lease_until=at(300)),
        TaskCancellationRequested(1, "olga"),
    )
    abandon = AbandonAttempt(by=WORKER, attempt=1, lease_id="l")
    cancelling.when(abandon, at(9)).then(TaskCancelled(1, "olga"))
