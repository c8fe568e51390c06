"""Made-up histories of tasks `a` and `b`, two attempts each, and of a schedule `s`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from domain.event import Actor, Event
from domain.record import Recorded, origin_of
from domain.roles import Role
from domain.task.events import (
    FailureReason,
    Order,
    Retry,
    Submitter,
    TaskAttemptFailed,
    TaskCancellationRequested,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskLeaseExtended,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from tests.faults.findings import Findings
from tests.faults.tasks.history import Ask, Operation, Parting
from tests.faults.tasks.run import judge
from tests.support.builders import at

Happened = tuple[float, str, Event]
LEASE = 10


def submitted(
    *,
    key: str | None = None,
    slot: float | None = None,
    ready: float = 1,
    fails: int = 9,
) -> TaskSubmitted:
    return TaskSubmitted(
        order=Order(
            "trial", {"fails": fails}, retry=Retry(attempts=2), concurrency_key=key
        ),
        submitter=Submitter("submitter", Role.APPLICATION),
        ready_at=at(ready),
        schedule_id=None if slot is None else "s",
        slot=None if slot is None else at(slot),
    )


def started(attempt: int, until: float) -> TaskStarted:
    return TaskStarted(attempt, f"lease-{attempt}", "worker", at(until))


def extended(attempt: int, until: float) -> TaskLeaseExtended:
    return TaskLeaseExtended(attempt, at(until))


def completed(attempt: int, result: Any = None) -> TaskCompleted:
    return TaskCompleted(attempt, result or {"attempt": attempt})


def failed_once(
    attempt: int, ready: float, reason: FailureReason = FailureReason.ERROR
) -> TaskAttemptFailed:
    return TaskAttemptFailed(attempt, reason, "no", at(ready))


def failed(attempt: int, reason: FailureReason = FailureReason.ERROR) -> TaskFailed:
    return TaskFailed(attempt, reason, "no")


def stalled(attempt: int, ready: float) -> TaskStalled:
    return TaskStalled(attempt, at(ready))


def to_cancel(attempt: int) -> TaskCancellationRequested:
    return TaskCancellationRequested(attempt, "submitter")


def cancelled(attempt: int) -> TaskCancelled:
    return TaskCancelled(attempt, "submitter")


# `a` is tried from the second second on, until the twelfth at the latest.
BEGIN: Sequence[Happened] = ((1, "a", submitted()), (2, "a", started(1, 12)))
DONE = (*BEGIN, (3, "a", completed(1)))


def journal(*happened: Happened) -> list[Recorded]:
    return [
        Recorded(
            originator_id=f"tasks/{operation_id}",
            originator_version=number,
            position=number,
            id=str(number),
            event=event,
            origin=origin_of(Actor("submitter", Role.APPLICATION), at(seconds)),
        )
        for number, (seconds, operation_id, event) in enumerate(happened, start=1)
    ]


def slots(*seconds: float) -> list[Recorded]:
    """An instance for each, done at once."""
    return journal(
        *(
            (slot + moment, f"{slot}-{number}", event)
            for number, slot in enumerate(seconds)
            for moment, event in (
                (0.0, submitted(slot=slot, ready=slot)),
                (0.1, started(1, slot + LEASE)),
                (0.2, completed(1)),
            )
        )
    )


def saw(ask: Ask, asked: float, answered: float, **said: Any) -> Operation:
    usual = {"operation_id": "a", "status": 201 if ask is Ask.SUBMIT else 200}
    return Operation(
        client="submitter",
        ask=ask,
        asked_at=at(asked),
        answered_at=at(answered),
        **(usual | said),
    )


def broken(
    records: Sequence[Recorded],
    *operations: Operation,
    runs: Sequence[str] = (),
    shown: dict[str, str] | None = None,
    partings: Sequence[Parting] = (),
) -> set[StrEnum]:
    """The promises that this history breaks."""
    findings = Findings()
    judge(records, operations, runs, shown or {}, findings, partings)
    return set(findings.by_check)
