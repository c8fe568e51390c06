"""Giving the lock up: released, forced, withdrawn, and every way twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.environment.environment import environment
from domain.environment.events import (
    EnvironmentEvent,
    EnvironmentRevised,
    LockWithdrawn,
)
from domain.environment.queue import ENDED_REMEMBERED_MAX
from domain.errors import LeaseOver, NotHolder, TicketEnded, TicketNotFound
from domain.event import Actor
from tests.support.builders import (
    MEMBER,
    OWNER,
    STRANGER,
    acquire,
    acquired,
    at,
    by,
    called,
    expired,
    forced,
    granted,
    lapsed,
    registered,
    release,
    released,
    renew,
    requested,
    unclaimed,
    withdrawn,
)
from tests.support.spec import Spec

given = Spec(environment, [registered()]).given
HELD: list[EnvironmentEvent] = [
    requested("a"),
    granted("a", 1, until=600),
    acquired("a", 1, until=600),
]
BUSY = [*HELD, requested("b")]


def test_the_holder_gives_the_lock_back() -> None:
    given(*HELD).when(release("a"), at(5)).then(released("a", 1))


def test_it_passes_to_the_head_of_the_queue_in_the_same_append() -> None:
    given(*BUSY).when(release("a"), at(5)).then(
        released("a", 1), called("b", 2, until=95)
    )


def test_a_grant_that_was_never_acquired_can_be_given_back() -> None:
    given(*HELD[:2], requested("b")).when(release("a"), at(5)).then(
        released("a", 1), called("b", 2, until=95)
    )


def test_a_released_lock_is_free() -> None:
    queue = given(*HELD, released("a", 1)).state.queue
    assert queue.holder is None
    assert not queue.tickets


def test_releasing_twice_is_releasing_once() -> None:
    given(*HELD, released("a", 1)).when(release("a"), at(6)).then()


def test_what_is_over_stays_so_where_nothing_can_be_locked_any_more() -> None:
    inactive = given(*HELD, released("a", 1), EnvironmentRevised(is_active=False))
    inactive.when(release("a"), at(6)).then()
    inactive.when(renew("a"), at(6)).refused(LeaseOver)
    inactive.when(acquire("a"), at(6)).refused(TicketEnded)


def test_a_repeated_release_never_touches_the_successor() -> None:
    past = [*BUSY, released("a", 1), called("b", 2, until=95)]
    given(*past).when(release("a"), at(6)).then()
    given(*past, acquired("b", 2, until=606)).when(release("a"), at(7)).then()


def test_releasing_after_the_expiry_is_success_and_leaves_the_successor() -> None:
    past = [*BUSY, expired("a", 1), called("b", 2, until=690)]
    given(*past).when(release("a"), at(601)).then()
    assert given(*past).state.queue.ended["a"].status == "expired"


def test_a_release_that_comes_with_the_expiry_comes_after_it() -> None:
    given(*BUSY).when(release("a"), at(600)).then(
        expired("a", 1), called("b", 2, until=690)
    )


def test_an_owner_may_take_the_lock_away_and_that_is_on_record() -> None:
    given(*BUSY).when(release("a", actor=OWNER), at(5)).then(
        forced("a", 1), called("b", 2, until=95)
    )


def test_an_owner_who_gives_up_their_own_lock_forces_nothing() -> None:
    mine = replace(requested("a"), requested_by=OWNER.id)
    grant = replace(granted("a", 1, until=600), requested_by=OWNER.id)
    given(mine, grant).when(release("a", actor=OWNER), at(5)).then(
        replace(released("a", 1), requested_by=OWNER.id, released_by=OWNER.id)
    )


@pytest.mark.parametrize("who", [STRANGER, MEMBER, by("b")])
def test_nobody_else_may(who: Actor) -> None:
    given(*BUSY).when(release("a", actor=who), at(5)).refused(NotHolder)


def test_a_queued_ticket_is_withdrawn() -> None:
    given(*BUSY).when(release("b"), at(5)).then(withdrawn("b"))


def test_an_owner_may_withdraw_the_ticket_of_another() -> None:
    given(*BUSY).when(release("b", actor=OWNER), at(5)).then(
        LockWithdrawn("b", "by-b", OWNER.id, forced=True)
    )


def test_a_stranger_may_not_withdraw_it() -> None:
    given(*BUSY).when(release("b", actor=STRANGER), at(5)).refused(NotHolder)


def test_withdrawing_twice_is_withdrawing_once() -> None:
    given(*BUSY, withdrawn("b")).when(release("b"), at(5)).then()


@pytest.mark.parametrize(
    "end", [released("a", 1), expired("a", 1), unclaimed("a", 1)], ids=repr
)
def test_a_stranger_learns_nothing_of_a_ticket_that_is_over(
    end: EnvironmentEvent,
) -> None:
    given(*HELD, end).when(release("a", actor=STRANGER), at(5)).refused(NotHolder)


def test_a_ticket_nobody_issued_is_not_found() -> None:
    given().when(release("a"), at(5)).refused(TicketNotFound)
    given(*HELD).when(release("b"), at(5)).refused(TicketNotFound)


def test_not_even_an_owner_releases_what_was_never_issued() -> None:
    given(*HELD).when(release("b", actor=OWNER), at(5)).refused(TicketNotFound)


def test_a_lapsed_ticket_can_be_given_up_without_a_trace() -> None:
    given(*BUSY, lapsed("b")).when(release("b"), at(5)).then()


def test_the_latest_ended_tickets_are_remembered_and_no_more() -> None:
    past = [
        event
        for n in range(ENDED_REMEMBERED_MAX + 1)
        for event in (
            requested(str(n)),
            granted(str(n), n + 1, until=600),
            released(str(n), n + 1),
        )
    ]
    assert len(given(*past).state.queue.ended) == ENDED_REMEMBERED_MAX
    given(*past).when(release("1"), at(5)).then()
    given(*past).when(release("0"), at(5)).refused(TicketNotFound)
    given(*past).when(acquire("0"), at(5)).refused(TicketNotFound)
