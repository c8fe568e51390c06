"""Asking for the lock: a ticket at once, the lock itself when its turn comes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.environment import lock
from domain.environment.environment import environment
from domain.environment.lock import LEASE_SECONDS, QUEUED_MAX
from domain.errors import EnvironmentInactive, EnvironmentNotFound, QueueFull
from tests.support.builders import (
    acquire,
    acquired,
    at,
    by,
    called,
    granted,
    nudge,
    registered,
    release,
    released,
    request,
    requested,
    withdrawn,
)
from tests.support.spec import Spec

given = Spec(environment, [registered()]).given


def test_a_free_environment_is_granted_with_the_request_and_counts_as_alive() -> None:
    given().when(request("a"), at(0)).then(requested("a"), granted("a", 1, until=600))


def test_a_taken_environment_gives_a_place_in_the_queue() -> None:
    given(requested("a"), granted("a", 1, until=600)).when(request("b"), at(5)).then(
        requested("b", 5)
    )


def test_the_same_caller_queues_behind_itself() -> None:
    caller = by("a")
    past = [requested("a"), granted("a", 1, until=600), acquired("a", 1, until=600)]
    follower = replace(requested("b", 5), requested_by=caller.id)
    given(*past).when(request("b", actor=caller), at(5)).then(follower)


def test_a_request_repeated_changes_nothing() -> None:
    given(requested("a"), granted("a", 1, until=600)).when(request("a"), at(5)).then()


def test_a_request_repeated_when_all_is_over_takes_nothing_again() -> None:
    past = [requested("a"), granted("a", 1, until=600), released("a", 1)]
    given(*past).when(request("a"), at(5)).then()


def test_the_fence_rises_by_one_with_every_grant() -> None:
    given(requested("a"), granted("a", 1, until=600), released("a", 1)).when(
        request("b"), at(9)
    ).then(requested("b", 9), granted("b", 2, until=609))


def test_the_lease_is_an_hour_unless_asked_otherwise() -> None:
    assert LEASE_SECONDS == 3_600


def test_a_grant_from_the_queue_must_be_claimed_within_90_seconds() -> None:
    given(requested("a"), granted("a", 1, until=600), requested("b")).when(
        release("a"), at(50)
    ).then(released("a", 1), called("b", 2, until=140))


def test_an_environment_may_have_a_claim_window_of_its_own() -> None:
    patient = Spec(environment, [registered(claim_window_seconds=300)])
    patient.given(requested("a"), granted("a", 1, until=600), requested("b")).when(
        release("a"), at(50)
    ).then(released("a", 1), called("b", 2, until=350))


def test_the_queue_is_served_in_the_order_of_asking() -> None:
    past = [requested(ticket) for ticket in "abc"]
    given(past[0], granted("a", 1, until=600), *past[1:]).when(
        release("a"), at(1)
    ).then(released("a", 1), called("b", 2, until=91))


def test_who_left_the_queue_is_passed_over() -> None:
    past = [requested("a"), granted("a", 1, until=600), requested("b"), requested("c")]
    given(*past, withdrawn("b")).when(release("a"), at(1)).then(
        released("a", 1), called("c", 2, until=91)
    )


def test_an_inactive_environment_cannot_be_locked() -> None:
    Spec(environment, [registered(is_active=False)]).when(request("a"), at(0)).refused(
        EnvironmentInactive
    )


def test_an_environment_that_is_not_there_cannot_be_locked() -> None:
    Spec(environment).when(request("a"), at(0)).refused(EnvironmentNotFound)


@pytest.mark.parametrize(
    "meant",
    [
        {"repository": "acme/shop"},
        {"repository": "shop"},
        {"repository": "ACME/Shop"},
        {"name": "uat"},
        {"name": "UAT"},
        {"name": "uat", "repository": "acme/shop"},
    ],
)
@pytest.mark.parametrize("spelled", [{}, {"repository": "Acme/SHOP", "name": "Uat"}])
def test_naming_the_right_environment_is_no_hindrance(
    meant: dict[str, Any], spelled: dict[str, Any]
) -> None:
    named = Spec(environment, [registered(**spelled)])
    named.when(replace(request("a"), **meant), at(0)).then(
        requested("a"), granted("a", 1, until=600)
    )


@pytest.mark.parametrize(
    "meant",
    [
        {"repository": "acme/other"},
        {"repository": "acme"},
        {"repository": "evil/shop"},
        {"repository": "acme/shop/more"},
        {"name": "prod"},
        {"name": "uat", "repository": "other"},
        {"name": "prod", "repository": "acme/shop"},
    ],
)
def test_naming_another_environment_finds_none(meant: dict[str, Any]) -> None:
    given().when(replace(request("a"), **meant), at(0)).refused(EnvironmentNotFound)


def test_a_thousand_may_wait_and_no_more() -> None:
    crowd = [requested("holder"), granted("holder", 1, until=600)]
    crowd = [*crowd, *(requested(str(n)) for n in range(QUEUED_MAX - 1))]
    given(*crowd).when(request("last"), at(0)).then(requested("last"))
    given(*crowd, requested("last")).when(request("more"), at(0)).refused(QueueFull)


def test_who_is_in_a_full_queue_may_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "QUEUED_MAX", 1)
    past = [requested("a"), granted("a", 1, until=600), requested("b")]
    given(*past).when(request("b"), at(1)).then()
    given(*past).when(request("c"), at(1)).refused(QueueFull)


def test_a_nudge_before_anything_is_due_changes_nothing() -> None:
    given().when(nudge(), at(0)).then()
    given(requested("a"), granted("a", 1, until=600)).when(nudge(), at(599)).then()


def test_a_queued_ticket_waits_under_its_own_name() -> None:
    given(requested("a"), granted("a", 1, until=600), requested("b")).when(
        acquire("b"), at(5)
    ).waits("b")
