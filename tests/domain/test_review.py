"""A review environment is lent to one issue at a time, for some time."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.environment.assignment import OPERATIONS_REMEMBERED_MAX
from domain.environment.details import RetireEnvironment, ReviseEnvironment
from domain.environment.environment import environment
from domain.environment.events import EnvironmentRetired, EnvironmentRevised
from domain.environment.review import (
    LEASE_SECONDS_MAX,
    AssignReview,
    ExtendReview,
    KeepReview,
    RequireElsewhere,
    ReviewCommand,
    TransitionReview,
    UnassignReview,
)
from domain.environment.review_events import (
    ReviewExpired,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.errors import (
    EnvironmentInactive,
    EnvironmentLocked,
    EnvironmentNotFound,
    Forbidden,
    Invalid,
    LeaseOver,
    NotInPool,
    ReviewMoved,
    ReviewNotAssigned,
    ReviewTaken,
)
from domain.event import Actor
from domain.roles import Role
from tests.support.builders import (
    OWNER,
    at,
    by,
    expired,
    granted,
    lent,
    nudge,
    registered,
    request,
    requested,
)
from tests.support.spec import Spec

MEMBER_OF_POOL = registered(tags=("pool:core",))
given = Spec(environment, [MEMBER_OF_POOL]).given
DAY = 86_400
AVAILABLE, EXPIRED = ReviewStatus.AVAILABLE, ReviewStatus.EXPIRED


def ask(
    kind: type[ReviewCommand], issue: str | None = "A", **values: Any
) -> ReviewCommand:
    task = f"fetch-{issue}" if kind in {AssignReview, KeepReview} else "task"
    facts = {"issue": issue, "pool": "core", "operation_id": task}
    return kind(**({"by": by(issue or "any")} | facts | values))


def assign(issue: str = "A", **values: Any) -> ReviewCommand:
    return ask(AssignReview, issue, **values)


LENT = given(lent("A", until=60))
OVER = LENT.given(ReviewExpired("A"))


def extended(until: float, task: str = "more") -> ReviewExtended:
    return ReviewExtended("A", at(until), task, "by-A")


def transitioned(status: ReviewStatus) -> ReviewTransitioned:
    return ReviewTransitioned("A", status, "task", "by-A")


def test_it_is_lent_for_a_day_unless_something_else_is_asked() -> None:
    given().when(assign(), at(0)).then(lent("A", until=DAY))
    given().when(assign(lease_seconds=60), at(5)).then(lent("A", until=65, since=5))


def test_time_goes_on_for_the_lock_of_what_is_lent() -> None:
    locked = LENT.given(requested("a"), granted("a", 1, until=50))
    locked.when(nudge(), at(50)).then(expired("a", 1))
    locked.when(nudge(), at(60)).then(expired("a", 1), ReviewExpired("A"))


def test_another_issue_does_not_get_it_meanwhile() -> None:
    LENT.when(assign("B"), at(59)).refused(ReviewTaken, "another issue has")


def test_the_same_issue_gets_the_same_assignment() -> None:
    LENT.when(assign("a", operation_id="more"), at(59)).then()
    LENT.when(ask(KeepReview), at(59)).then()


def test_the_same_issue_may_have_it_for_longer_but_never_for_shorter() -> None:
    again: dict[str, Any] = {"operation_id": "more"}
    LENT.when(assign(lease_seconds=90, **again), at(10)).then(extended(100))
    for seconds in (20, 50):
        LENT.when(assign(lease_seconds=seconds, **again), at(10)).then()
    LENT.when(ask(KeepReview, lease_seconds=90, **again), at(10)).then(extended(100))


def test_an_issue_of_another_pool_is_another_issue() -> None:
    for kind in (AssignReview, KeepReview):
        other = ask(kind, pool="other", operation_id="more")
        LENT.when(other, at(1)).refused(ReviewTaken, "in the pool core, not in other")
    LENT.when(ask(UnassignReview, pool="other"), at(1)).then()
    LENT.when(ask(RequireElsewhere, pool="other"), at(1)).then()


def test_it_must_be_in_the_pool() -> None:
    given().when(assign(pool="other"), at(0)).refused(NotInPool)
    given(EnvironmentRevised(tags=())).when(assign(), at(0)).refused(NotInPool)


def test_an_inactive_one_is_not_lent() -> None:
    inactive = given(EnvironmentRevised(is_active=False))
    inactive.when(assign(), at(0)).refused(EnvironmentInactive)


def test_a_locked_one_is_not_lent_but_its_issue_keeps_it() -> None:
    lock = [requested("t"), granted("t", 1, until=50)]
    given(*lock).when(assign(), at(49)).refused(EnvironmentLocked)
    LENT.given(*lock).when(assign(), at(49)).then()


def test_who_has_it_can_lock_it_as_anybody_can() -> None:
    LENT.when(request("t"), at(1)).then(requested("t", 1), granted("t", 1, until=601))


def test_when_its_time_is_over_it_has_expired() -> None:
    assert environment.due(LENT.state) == at(60)
    LENT.when(nudge(), at(60)).then(ReviewExpired("A"))
    assert environment.due(OVER.state) is None


def test_an_expired_one_can_be_lent_again() -> None:
    again = lent("B", until=60 + DAY, since=60)
    LENT.when(assign("B"), at(60)).then(ReviewExpired("A"), again)
    more = replace(lent("A", until=70 + DAY, since=70), operation_id="more")
    OVER.when(assign("A", operation_id="more"), at(70)).then(more)


def test_it_can_be_had_for_longer() -> None:
    ways: list[tuple[dict[str, Any], int]] = [
        ({"lease_seconds": 90}, 100),
        ({"by_seconds": 90}, 150),
        ({}, 10 + DAY),
    ]
    for asked, until in ways:
        more = ask(ExtendReview, operation_id="more", **asked)
        LENT.when(more, at(10)).then(extended(until))


def test_it_cannot_be_had_for_ever() -> None:
    ever = ask(ExtendReview, by_seconds=LEASE_SECONDS_MAX, operation_id="more")
    LENT.when(ever, at(10)).refused(Invalid, "extendBy")
    most = LEASE_SECONDS_MAX - 50
    longest = ask(ExtendReview, by_seconds=most, operation_id="more")
    LENT.when(longest, at(10)).then(extended(10 + LEASE_SECONDS_MAX))


@pytest.mark.parametrize("kind", [ExtendReview, KeepReview])
def test_what_is_over_cannot_be_prolonged(kind: type[ReviewCommand]) -> None:
    OVER.when(ask(kind, operation_id="more"), at(61)).refused(LeaseOver)
    OVER.when(ask(kind, "B"), at(61)).refused(ReviewNotAssigned, "no such issue")
    given().when(ask(kind), at(61)).refused(ReviewNotAssigned)


def test_only_whose_it_is_may_have_it_for_longer() -> None:
    LENT.when(ask(ExtendReview, "B"), at(1)).refused(ReviewTaken)
    more = ask(ExtendReview, None, lease_seconds=90, operation_id="more")
    LENT.when(more, at(10)).then(ReviewExtended("A", at(100), "more", "by-any"))


def test_it_is_given_back_once() -> None:
    back = ReviewUnassigned("A", "task", "by-A")
    LENT.when(ask(UnassignReview), at(1)).then(back)
    LENT.given(back).when(ask(UnassignReview), at(2)).then()
    LENT.given(back).when(assign("B"), at(2)).then(lent("B", until=2 + DAY, since=2))


def test_the_tasks_that_have_changed_it_are_remembered_the_latest_of_them() -> None:
    extensions = [extended(60 + n, f"t{n}") for n in range(OPERATIONS_REMEMBERED_MAX)]
    past = LENT.given(*extensions[:3], extended(99, "t1"))
    assert past.state.review.operations == ("fetch-A", "t0", "t1", "t2")
    full = LENT.given(*extensions).state.review.operations
    assert full == tuple(event.operation_id for event in extensions)


def test_giving_back_does_not_touch_who_has_it_next() -> None:
    LENT.when(ask(UnassignReview, "B"), at(1)).then()
    OVER.when(ask(UnassignReview), at(61)).then()


@pytest.mark.parametrize(
    ("past", "status", "events"),
    [
        (LENT, ReviewStatus.IN_USE, []),
        (LENT, AVAILABLE, [transitioned(AVAILABLE)]),
        (LENT, EXPIRED, [transitioned(EXPIRED)]),
        (OVER, EXPIRED, []),
        (OVER, AVAILABLE, [transitioned(AVAILABLE)]),
        (given(), AVAILABLE, []),
    ],
)
def test_somebody_says_what_has_become_of_it(
    past: Spec, status: ReviewStatus, events: list[ReviewTransitioned]
) -> None:
    past.when(ask(TransitionReview, status=status), at(59)).then(*events)
    after = past.given(*events).state.review
    assert (after.status if after else AVAILABLE) is status


def test_saying_so_does_not_lend_it() -> None:
    use = ask(TransitionReview, status=ReviewStatus.IN_USE)
    OVER.when(use, at(61)).refused(LeaseOver)
    given().when(use, at(61)).refused(ReviewNotAssigned)


def test_another_issue_has_no_say() -> None:
    for status in ReviewStatus:
        said = ask(TransitionReview, "B", status=status)
        LENT.when(said, at(1)).refused(ReviewTaken)
        OVER.when(said, at(61)).refused(ReviewNotAssigned)


def test_an_issue_does_not_take_a_second_one() -> None:
    LENT.when(ask(RequireElsewhere), at(59)).refused(ReviewMoved)
    LENT.when(ask(RequireElsewhere, "B"), at(59)).then()
    given().when(ask(RequireElsewhere), at(0)).then()
    LENT.when(ask(RequireElsewhere), at(60)).then(ReviewExpired("A"))


def test_taken_out_of_use_it_is_given_back() -> None:
    off = EnvironmentRevised(is_active=False)
    LENT.when(ReviseEnvironment(by=OWNER, revised=off), at(1)).then(
        off, ReviewUnassigned("A", None, OWNER.id)
    )


def test_other_changes_leave_it_where_it_is() -> None:
    past = LENT.given(EnvironmentRevised(tags=()), EnvironmentRevised(name="sit"))
    past.when(assign(), at(59)).then()


def test_a_retired_one_is_nobody_s() -> None:
    LENT.when(RetireEnvironment(by=OWNER), at(1)).then(EnvironmentRetired())
    gone = LENT.given(EnvironmentRetired())
    assert gone.state.review is None
    gone.when(assign(), at(1)).refused(EnvironmentNotFound)


def test_a_limited_actor_does_not_reach_another_repository_s() -> None:
    limited = Actor("ci", Role.OWNER, repositories=frozenset({"acme/bank"}))
    given().when(assign(by=limited), at(0)).refused(Forbidden)
