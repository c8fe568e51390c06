"""A task's promises, kept in every history that workers and callers can bring about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.decider import Wait
from domain.errors import DomainError
from domain.task.commands import (
    CompleteAttempt,
    ConfirmCancellation,
    ExtendLease,
    FailAttempt,
    OfAttempt,
    ReportProgress,
    StartAttempt,
    TaskCommand,
)
from domain.task.events import (
    Backoff,
    FailureReason,
    Retry,
    TaskAttemptFailed,
    TaskEvent,
    TaskLeaseExtended,
    TaskStalled,
    TaskStarted,
)
from domain.task.lifecycle import lifecycle
from domain.task.task import ENDS, Task
from tests.support.builders import NOON
from tests.support.task_words import WORKER, await_end, cancel, submitted

RETRY = Retry(attempts=3, backoff=Backoff(delay_ms=5_000), max_stalled_count=2)
DEEDS = ["start", "start", "extend", "progress", "complete", "fail", "confirm"]


@dataclass(frozen=True)
class Act:
    """A worker does something under a lease of its own, late perhaps."""

    deed: str
    lease: int  # Counted back from the latest one.
    may_retry: bool
    wait: int


acts = st.builds(
    Act,
    st.sampled_from([*DEEDS, "cancel", "await"]),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 1, 5, 30, 70]),
)


@dataclass
class History:
    told: list[tuple[datetime, TaskEvent]] = field(default_factory=list)
    states: list[tuple[datetime, Task]] = field(default_factory=list)
    late: list[tuple[TaskCommand, Sequence[TaskEvent]]] = field(default_factory=list)

    @property
    def events(self) -> list[TaskEvent]:
        return [event for _, event in self.told]


def command_of(act: Act, leases: Sequence[tuple[int, str]]) -> TaskCommand:
    match act.deed:
        case "start":
            return StartAttempt(by=WORKER, worker="w", lease_id=f"l{len(leases)}")
        case "cancel":
            return cancel()
        case "await":
            return await_end()
    attempt, lease = leases[-1 - act.lease % len(leases)] if leases else (1, "none")
    match act.deed:
        case "extend":
            return ExtendLease(by=WORKER, attempt=attempt, lease_id=lease)
        case "progress":
            return ReportProgress(by=WORKER, attempt=attempt, lease_id=lease, percent=1)
        case "complete":
            return CompleteAttempt(by=WORKER, attempt=attempt, lease_id=lease)
        case "confirm":
            return ConfirmCancellation(by=WORKER, attempt=attempt, lease_id=lease)
        case _:
            return FailAttempt(
                by=WORKER,
                attempt=attempt,
                lease_id=lease,
                reason=FailureReason.ERROR,
                message="no",
                may_retry=act.may_retry,
            )


def play(script: Sequence[Act]) -> History:
    """As the journal does: time first, then the command. Anything may be refused."""
    history = History()
    at, state = NOON, lifecycle.fold([submitted(retry=RETRY)])
    leases: list[tuple[int, str]] = []
    for act in script:
        at += timedelta(seconds=act.wait)
        command = command_of(act, leases)
        news = list(lifecycle.lapse(state, at))
        state = lifecycle.fold(news, state)
        before = (state.attempt, state.lease_id, state.state.is_active)
        try:
            decision = lifecycle.decide(command, state, at)
        except DomainError:
            decision = []
        decided = [] if isinstance(decision, Wait) else decision
        is_late = isinstance(command, OfAttempt) and before != (
            command.attempt,
            command.lease_id,
            True,
        )
        if is_late:
            history.late.append((command, decided))
        state = lifecycle.fold(decided, state)
        news += decided
        leases += [
            (e.attempt, e.lease_id) for e in decided if isinstance(e, TaskStarted)
        ]
        history.told += [(at, event) for event in news]
        history.states.append((at, state))
    return history


histories = st.lists(acts, max_size=40).map(play)


@for_all(histories)
def test_attempts_are_counted_without_a_gap(history: History) -> None:
    attempts = [e.attempt for e in history.events if isinstance(e, TaskStarted)]
    assert attempts == list(range(1, len(attempts) + 1))


@for_all(histories)
def test_there_is_one_live_lease_at_most(history: History) -> None:
    until: datetime | None = None
    for at, event in history.told:
        match event:
            case TaskStarted():
                assert until is None
                until = event.lease_until
                assert until > at
            case TaskLeaseExtended():
                assert until is not None
                assert until > at
                until = event.lease_until
            case TaskStalled():
                assert until is not None
                assert until <= at
                until = None
            case TaskAttemptFailed():
                until = None
            case _ if type(event) in ENDS:
                until = None
            case _:
                assert until is not None


@for_all(histories)
def test_there_is_one_end_at_most_and_nothing_after_it(history: History) -> None:
    ends = [n for n, event in enumerate(history.events) if type(event) in ENDS]
    assert ends in ([], [len(history.events) - 1])


@for_all(histories)
def test_a_late_report_changes_nothing(history: History) -> None:
    assert [news for _, news in history.late if news] == []


@for_all(histories)
def test_no_more_fails_or_is_lost_than_was_ordered(history: History) -> None:
    for _, state in history.states:
        assert state.failures < RETRY.attempts
        assert state.stalls <= RETRY.max_stalled_count
        assert state.failures + state.stalls <= state.attempt


@for_all(histories)
def test_no_attempt_outlives_its_lease(history: History) -> None:
    for at, state in history.states:
        assert state.state.is_active == (state.lease_until is not None)
        assert state.lease_until is None or state.lease_until > at


@for_all(histories)
def test_nobody_starts_before_its_time(history: History) -> None:
    ready = NOON
    for at, event in history.told:
        if isinstance(event, TaskAttemptFailed | TaskStalled):
            ready = event.ready_at
        if isinstance(event, TaskStarted):
            assert at >= ready


@for_all(histories)
def test_time_does_something_exactly_when_it_is_due(history: History) -> None:
    for at, state in history.states:
        due = lifecycle.due(state)
        if due is None:
            assert not lifecycle.lapse(state, at + timedelta(days=999))
        else:
            assert not lifecycle.lapse(state, due - timedelta(microseconds=1))
            assert lifecycle.lapse(state, due)


@for_all(histories)
def test_a_snapshot_is_the_state(history: History) -> None:
    for _, state in history.states[-1:]:
        assert msgspec.json.decode(msgspec.json.encode(state), type=Task) == state
