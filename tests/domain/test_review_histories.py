"""What review environments promise, kept in every history anybody can bring about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.decider import Wait
from domain.environment.details import ReviseEnvironment
from domain.environment.environment import AnyCommand, Environment, environment
from domain.environment.events import EnvironmentEvent, EnvironmentRevised
from domain.environment.review import (
    AnyReviewCommand,
    AssignReview,
    ExtendReview,
    KeepReview,
    TransitionReview,
    UnassignReview,
)
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.errors import DomainError
from tests.support.builders import NOON, OWNER, nudge, registered, release, request

Some = st.SearchStrategy
MICROSECOND = timedelta(microseconds=1)
Told = list[tuple[datetime, EnvironmentEvent]]
States = list[tuple[datetime, Environment]]

issues = st.sampled_from(["A", "B", "C"])
seconds = st.sampled_from([1, 10, 40])
names = st.fixed_dictionaries(
    {
        "by": st.just(OWNER),
        "pool": st.just("core"),
        "operation_id": st.sampled_from(["t1", "t2", "t3"]),
    }
)


def commands() -> Some[AnyCommand]:
    maybe = st.one_of(st.none(), issues)
    lease = st.one_of(st.none(), seconds)

    def build(kind: type[AnyReviewCommand], **values: Some[Any]) -> Some[AnyCommand]:
        parts = st.fixed_dictionaries(values)
        return st.builds(lambda n, v: kind(**n, **v), names, parts)

    flip = st.booleans().map(
        lambda on: ReviseEnvironment(by=OWNER, revised=EnvironmentRevised(is_active=on))
    )
    return st.one_of(
        build(AssignReview, issue=issues, lease_seconds=lease),
        build(KeepReview, issue=issues, lease_seconds=lease),
        build(ExtendReview, issue=maybe, lease_seconds=lease),
        build(ExtendReview, issue=maybe, by_seconds=seconds),
        build(TransitionReview, issue=maybe, status=st.sampled_from(ReviewStatus)),
        build(UnassignReview, issue=maybe),
        flip,
        st.sampled_from([nudge(), request("t", lease=15), release("t", actor=OWNER)]),
    )


def play(script: Sequence[tuple[int, AnyCommand]]) -> tuple[Told, States]:
    """As the journal does: time first, then the command. Anything may be refused."""
    told: Told = []
    states: States = []
    state = environment.fold([registered(tags=("pool:core",))])
    at = NOON
    for wait, command in script:
        at += timedelta(seconds=wait)
        news = list(environment.lapse(state, at))
        state = environment.fold(news, state)
        try:
            decision = environment.decide(command, state, at)
        except DomainError:
            decision = []
        assert not isinstance(decision, Wait)
        state = environment.fold(decision, state)
        told += [(at, event) for event in [*news, *decision]]
        states.append((at, state))
    return told, states


histories = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 7, 30]), commands()), max_size=40
).map(play)


@for_all(histories)
def test_there_are_never_two_issues_on_one_environment(
    history: tuple[Told, States],
) -> None:
    whose = None
    for _, event in history[0]:
        match event:
            case ReviewAssigned():
                assert whose is None
                whose = event.issue
            case ReviewExtended():
                assert event.issue == whose
            case ReviewUnassigned():
                assert event.issue == whose
                whose = None
            case ReviewExpired() | ReviewTransitioned(status=ReviewStatus.EXPIRED):
                assert event.issue == whose
                whose = None
            case ReviewTransitioned():
                assert whose in {None, event.issue}
                whose = None
            case _:
                pass


@for_all(histories)
def test_no_time_is_over_without_an_expiry(history: tuple[Told, States]) -> None:
    for at, state in history[1]:
        if state.review and state.review.is_live:
            assert at < state.review.until


@for_all(histories)
def test_nothing_expires_before_its_time(history: tuple[Told, States]) -> None:
    until = NOON
    for at, event in history[0]:
        if isinstance(event, ReviewAssigned):
            until = event.until
        elif isinstance(event, ReviewExtended):
            assert event.until > until
            until = event.until
        elif isinstance(event, ReviewExpired):
            assert at >= until


@for_all(histories)
def test_time_does_something_exactly_when_it_is_due(
    history: tuple[Told, States],
) -> None:
    for _, state in history[1]:
        due = environment.due(state)
        if due is None:
            assert environment.lapse(state, NOON + timedelta(days=999)) == []
        else:
            assert environment.lapse(state, due - MICROSECOND) == []
            assert environment.lapse(state, due)


@for_all(histories)
def test_a_snapshot_is_the_state(history: tuple[Told, States]) -> None:
    for _, state in history[1][-1:]:
        encoded = msgspec.json.encode(state)
        assert msgspec.json.decode(encoded, type=Environment) == state


@for_all(histories)
def test_out_of_use_it_is_nobody_s(history: tuple[Told, States]) -> None:
    for _, state in history[1]:
        assert state.details is not None
        if not state.details.is_active:
            assert state.review is None or not state.review.is_live
