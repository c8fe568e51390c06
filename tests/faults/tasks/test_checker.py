"""The checker can fail: for each promise, a made-up history that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import pytest
from msgspec.structs import replace

from domain.task.events import FailureReason
from tests.faults.tasks.history import Ask, Operation, Parting
from tests.faults.tasks.made_up import (
    BEGIN,
    DONE,
    Happened,
    broken,
    cancelled,
    completed,
    extended,
    failed,
    failed_once,
    journal,
    saw,
    slots,
    stalled,
    started,
    submitted,
    to_cancel,
)
from tests.faults.tasks.promises import Promise
from tests.support.builders import at


def test_a_history_as_it_should_be_breaks_nothing() -> None:
    records = journal(
        *BEGIN,
        (4, "a", extended(1, 14)),
        (14, "a", stalled(1, 14)),
        (15, "a", started(2, 25)),
        (16, "a", failed_once(2, 18)),
        (18, "a", started(3, 28)),
        (19, "a", completed(3)),
        (20, "b", submitted(ready=20)),
        (21, "b", started(1, 31)),
        (22, "b", to_cancel(1)),
        (31, "b", cancelled(1)),
    )
    operations = (
        saw(Ask.SUBMIT, 0.9, 1.1),
        saw(Ask.RESULT, 3, 4, told="active"),
        saw(Ask.RESULT, 18, 19.1, told="completed", result={"attempt": 3}),
        saw(Ask.CANCEL, 20, 20.1, status=400, told="completed"),
        saw(Ask.SUBMIT, 19, 19.1, status=None, operation_id=None),
        saw(Ask.SUBMIT, 19.5, 20.1, operation_id="b"),
        saw(Ask.CANCEL, 21.5, 22.1, operation_id="b"),
    )
    shown = {"a": "completed", "b": "cancelled"}
    runs = ["a 1", "a 2", "a 3", "b 1"]
    assert broken(records, *operations, runs=runs, shown=shown) == set()


IN_THE_JOURNAL: dict[str, tuple[Promise, Sequence[Happened]]] = {
    "a task that is never over": (Promise.AN_END, BEGIN),
    "a task submitted twice": (Promise.ACKNOWLEDGED, (*DONE, (4, "a", submitted()))),
    "an event of no task": (Promise.ACKNOWLEDGED, ((1, "a", completed(1)),)),
    "two ends": (Promise.ONE_END, (*DONE, (3, "a", completed(1)))),
    "a start after the end": (Promise.ONE_END, (*DONE, (4, "a", started(2, 14)))),
    "a second live lease": (
        Promise.ONE_LEASE,
        (*BEGIN, (3, "a", started(2, 13)), (4, "a", completed(2))),
    ),
    "a lease that nobody declared over": (
        Promise.ONE_LEASE,
        (*BEGIN, (13, "a", started(2, 23)), (14, "a", completed(2))),
    ),
    "an attempt's number that comes twice": (
        Promise.ATTEMPTS,
        (*BEGIN, (12, "a", stalled(1, 12)), (13, "a", started(1, 23))),
    ),
    "an attempt's number left out": (
        Promise.ATTEMPTS,
        (*BEGIN, (12, "a", stalled(1, 12)), (13, "a", started(3, 23))),
    ),
    "a completion by an earlier attempt": (
        Promise.ATTEMPTS,
        (
            *BEGIN,
            (12, "a", stalled(1, 12)),
            (13, "a", started(2, 23)),
            (14, "a", completed(1)),
        ),
    ),
    "a completion after its lease": (Promise.LATE, (*BEGIN, (12, "a", completed(1)))),
    "a heartbeat after its lease": (Promise.LATE, (*BEGIN, (12, "a", extended(1, 22)))),
    "a report of nobody's": (
        Promise.LATE,
        (*BEGIN, (12, "a", stalled(1, 12)), (13, "a", completed(1))),
    ),
    "a worker given up early": (Promise.STALLED, (*BEGIN, (11, "a", stalled(1, 11)))),
    "a worker lost too often": (
        Promise.STALLED,
        (
            *BEGIN,
            (12, "a", stalled(1, 12)),
            (13, "a", started(2, 23)),
            (23, "a", stalled(2, 23)),
        ),
    ),
    "a task given up with its first worker": (
        Promise.STALLED,
        (*BEGIN, (12, "a", failed(1, FailureReason.STALLED))),
    ),
    "a failure that is not the handler's": (
        Promise.FAULTLESS,
        (*BEGIN, (3, "a", failed_once(1, 3, FailureReason.EXITED))),
    ),
    "a failure of a handler that does not fail": (
        Promise.FAULTLESS,
        (
            (1, "a", submitted(fails=0)),
            (2, "a", started(1, 12)),
            (3, "a", failed_once(1, 3)),
        ),
    ),
    "a start before its time": (
        Promise.READY,
        ((1, "a", submitted(ready=3)), (2, "a", started(1, 12))),
    ),
    "a retry before its time": (
        Promise.READY,
        (*BEGIN, (3, "a", failed_once(1, 5)), (4, "a", started(2, 14))),
    ),
    "a failure with attempts left": (Promise.RETRIES, (*BEGIN, (3, "a", failed(1)))),
    "more failures than attempts": (
        Promise.RETRIES,
        (
            *BEGIN,
            (3, "a", failed_once(1, 3)),
            (4, "a", started(2, 14)),
            (5, "a", failed_once(2, 5)),
        ),
    ),
    "a cancellation that nobody asked for": (
        Promise.CANCEL,
        (*BEGIN, (3, "a", cancelled(1))),
    ),
    "one more at once than may be": (
        Promise.AT_MOST,
        (
            (1, "a", submitted(key="k")),
            (1, "b", submitted(key="k")),
            (2, "a", started(1, 12)),
            (3, "b", started(1, 13)),
        ),
    ),
    "a result of another attempt": (
        Promise.RESULT,
        (*BEGIN, (3, "a", completed(1, {"attempt": 2}))),
    ),
}


@pytest.mark.parametrize("what", IN_THE_JOURNAL)
def test_it_finds_in_the_journal(what: str) -> None:
    promise, happened = IN_THE_JOURNAL[what]
    assert promise in broken(journal(*happened))


STOPPED = Parting("worker", at(10), at(11), is_stopped=True)
FORKLESS = Parting("worker", at(10), at(11))


@pytest.mark.parametrize("parting", [STOPPED, FORKLESS])
def test_a_worker_may_give_back_only_what_it_has_to(parting: Parting) -> None:
    def early(start: float, stall: float) -> set[StrEnum]:
        records = journal(
            (1, "a", submitted()),
            (start, "a", started(1, 20)),
            (stall, "a", stalled(1, stall)),
            (20, "a", replace(started(2, 30), worker="other")),
            (21, "a", completed(2)),
        )
        return broken(records, partings=[replace(parting, worker="another"), parting])

    assert early(2, 10.5) == set()
    assert early(2, 9) == {Promise.STALLED}
    assert Promise.STALLED in early(12, 13)


def test_it_finds_what_a_worker_that_was_stopped_has_left_behind() -> None:
    for end in (stalled(1, 12), completed(1)):
        records = journal(*BEGIN, (11.5, "a", end))
        assert Promise.PARTING in broken(records, partings=[STOPPED])
    records = journal(*BEGIN, (11.5, "a", completed(1)))
    assert broken(records, partings=[FORKLESS]) == set()


def test_whose_lease_is_over_has_no_turn_any_more() -> None:
    records = journal(
        (1, "a", submitted(key="k")),
        (1, "b", submitted(key="k")),
        (2, "a", started(1, 12)),
        (12, "b", started(1, 22)),
        (12.5, "a", stalled(1, 12.5)),
        (13, "b", completed(1)),
        (14, "a", started(2, 24)),
        (15, "a", completed(2)),
    )
    assert broken(records) == set()


@pytest.mark.parametrize(
    "told",
    [
        saw(Ask.SUBMIT, 1, 2, operation_id="lost"),
        replace(saw(Ask.SUBMIT, 1, 2), client="another"),
        saw(Ask.RESULT, 4, 5, told="failed"),
        saw(Ask.RESULT, 2, 2.5, told="completed", result={"attempt": 1}),
        saw(Ask.CANCEL, 2, 2.5),
        saw(Ask.CANCEL, 2, 2.5, status=400),
    ],
)
def test_it_finds_that_something_acknowledged_is_not_so(told: Operation) -> None:
    assert Promise.ACKNOWLEDGED in broken(journal(*DONE), told)
    assert broken(journal(*DONE), replace(told, status=503)) == set()


def test_it_finds_a_result_that_is_not_the_one_on_record() -> None:
    told = saw(Ask.RESULT, 4, 5, told="completed", result={"attempt": 2})
    assert broken(journal(*DONE), told) == {Promise.RESULT}


def test_it_finds_a_task_cancelled_before_anybody_asked() -> None:
    records = journal(*BEGIN, (3, "a", to_cancel(1)), (4, "a", cancelled(1)))
    assert broken(records, saw(Ask.CANCEL, 2, 3)) == set()
    assert broken(records) == {Promise.CANCEL}
    assert broken(records, saw(Ask.CANCEL, 5, 6)) == {Promise.CANCEL}


@pytest.mark.parametrize("status", [404, 409, 500])
def test_it_finds_answers_that_should_not_be(status: int) -> None:
    assert broken(journal(*DONE), saw(Ask.RESULT, 4, 5, status=status)) == {
        Promise.ANSWERS
    }


@pytest.mark.parametrize("runs", [["a 1", "a 1"], ["a 2"], ["x 1"]])
def test_it_finds_runs_that_should_not_be(runs: list[str]) -> None:
    assert broken(journal(*DONE), runs=runs) == {Promise.RUN_ONCE}
    assert broken(journal(*DONE), runs=["a 1"]) == set()


def test_it_finds_a_board_that_differs() -> None:
    assert broken(journal(*DONE), shown={"a": "completed"}) == set()
    assert broken(journal(*DONE), shown={"a": "active"}) == {Promise.BOARD}
    assert broken(journal(*DONE), shown={"b": "completed"}) == {Promise.BOARD}


FROM = saw(Ask.REPEAT, 0.5, 1, operation_id="s", status=201)
UNTIL = saw(Ask.STOP, 5, 6, operation_id="s", stopped_at=at(5.5))


def test_it_finds_slots_that_were_lost_or_doubled() -> None:
    assert broken(slots(1, 2, 3, 4, 5), FROM, UNTIL) == set()
    for wrong in ((1, 2, 4, 5), (1, 2, 2, 3, 4, 5), (1, 2, 3), (4, 5), ()):
        assert broken(slots(*wrong), FROM, UNTIL) == {Promise.SLOTS}, wrong
