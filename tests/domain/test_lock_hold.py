"""Holding the lock: acquiring it, keeping it, being told the credentials."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.environment.environment import environment
from domain.environment.events import CredentialsDisclosed, EnvironmentEvent
from domain.environment.queue import holds
from domain.errors import LeaseOver, NotAcquired, NotHolder, TicketEnded, TicketNotFound
from domain.event import Actor
from domain.roles import Role
from tests.support.builders import (
    OWNER,
    STRANGER,
    acquire,
    acquired,
    at,
    by,
    called,
    expired,
    granted,
    lapsed,
    registered,
    released,
    renew,
    renewed,
    request,
    requested,
    unclaimed,
    withdrawn,
)
from tests.support.spec import Spec

given = Spec(environment, [registered()]).given
GRANTED: list[EnvironmentEvent] = [requested("a"), granted("a", 1, until=600)]
HELD = [*GRANTED, acquired("a", 1, until=610)]
CALLED = [*GRANTED, requested("b"), released("a", 1), called("b", 2, until=90)]


def disclosed(ticket: str, fence: int) -> CredentialsDisclosed:
    return CredentialsDisclosed(ticket, fence, "uat@acme.example")


# Acquire.


def test_the_lease_starts_when_the_lock_is_acquired() -> None:
    given(*GRANTED).when(acquire("a"), at(100)).then(acquired("a", 1, until=700))


def test_a_lock_from_the_queue_gets_its_whole_lease_too() -> None:
    given(*CALLED).when(acquire("b"), at(89)).then(acquired("b", 2, until=689))


def test_acquiring_again_is_the_same_lease_and_the_same_fence() -> None:
    given(*HELD).when(acquire("a"), at(500)).then()
    queue = given(*HELD).state.queue
    assert queue.holder.expires_at == at(610)
    assert queue.holder.fence == queue.fence == 1


def test_a_grant_that_was_not_claimed_in_time_cannot_be_acquired() -> None:
    past = given(*CALLED, unclaimed("b", 2))
    past.when(acquire("b"), at(91)).refused(TicketEnded, "expired")
    given(*CALLED).when(acquire("b"), at(90)).refused(TicketEnded, "expired")


def test_nobody_acquires_with_the_ticket_of_another() -> None:
    given(*GRANTED).when(acquire("a", actor=STRANGER), at(1)).refused(NotHolder)
    given(*HELD).when(acquire("a", actor=STRANGER), at(11)).refused(NotHolder)
    queued = given(*GRANTED, requested("b"))
    queued.when(acquire("b", actor=by("a")), at(1)).refused(NotHolder)


def test_not_even_an_owner_does() -> None:
    given(*GRANTED).when(acquire("a", actor=OWNER), at(1)).refused(NotHolder)


def test_a_person_spelled_like_an_application_is_somebody_else() -> None:
    application = Actor("by-a", Role.APPLICATION, application="by-a")
    given(*GRANTED).when(acquire("a", actor=application), at(1)).refused(NotHolder)


def test_another_token_of_the_same_application_is_the_same_caller() -> None:
    mine = replace(requested("a"), requested_by="ci", application="ci")
    later = Actor("ci", Role.APPLICATION, application="ci", request_id="r-2")
    given(mine, replace(granted("a", 1, until=600), requested_by="ci")).when(
        acquire("a", actor=later), at(1)
    ).then(acquired("a", 1, until=601))


def test_a_ticket_nobody_issued_is_not_found() -> None:
    given().when(acquire("a"), at(0)).refused(TicketNotFound)


@pytest.mark.parametrize("end", [released("b", 2), withdrawn("b"), lapsed("b")])
def test_a_ticket_that_is_over_says_how_it_ended(end: EnvironmentEvent) -> None:
    past = [*GRANTED, requested("b"), end]
    status = end.__struct_config__.tag.removeprefix("lock.")  # type: ignore[union-attr]
    given(*past).when(acquire("b"), at(1)).refused(TicketEnded, status)


# Credentials.


def test_telling_the_credentials_is_on_record_with_the_lease() -> None:
    given(*GRANTED).when(acquire("a", disclose=True), at(0)).then(
        acquired("a", 1, until=600), disclosed("a", 1)
    )


def test_each_telling_is_on_record_again() -> None:
    given(*HELD).when(acquire("a", disclose=True), at(20)).then(disclosed("a", 1))
    given(*HELD, disclosed("a", 1)).when(acquire("a", disclose=True), at(21)).then(
        disclosed("a", 1)
    )


def test_the_record_carries_the_fence_of_its_own_lease() -> None:
    given(*CALLED).when(acquire("b", disclose=True), at(1)).then(
        acquired("b", 2, until=601), disclosed("b", 2)
    )


def test_an_environment_without_an_org_has_nothing_to_tell() -> None:
    bare = Spec(environment, [registered(salesforce_username=None), *GRANTED])
    bare.when(acquire("a", disclose=True), at(0)).then(acquired("a", 1, until=600))


def test_who_waits_is_told_nothing() -> None:
    given(*GRANTED, requested("b")).when(acquire("b", disclose=True), at(1)).waits("b")


def test_only_the_holder_holds_and_only_while_the_lease_lasts() -> None:
    ticket = given(*HELD).state.queue.holder
    assert holds(by("a"), ticket, at(609.999))
    assert not holds(by("a"), ticket, at(610))
    assert not holds(STRANGER, ticket, at(20))
    assert not holds(OWNER, ticket, at(20))
    assert not holds(by("a"), None, at(20))
    assert not holds(by("a"), given(*GRANTED).state.queue.holder, at(20))


# Renew.


def test_a_renewal_extends_the_lease_from_now() -> None:
    given(*HELD).when(renew("a"), at(300)).then(renewed("a", 1, until=900))
    given(*HELD).when(renew("a", 3_600), at(300)).then(renewed("a", 1, until=3_900))


def test_a_renewal_never_shortens() -> None:
    given(*HELD).when(renew("a", 60), at(300)).then()
    given(*HELD).when(renew("a", 310), at(300)).then()
    given(*HELD).when(renew("a", 311), at(300)).then(renewed("a", 1, until=611))


def test_a_renewal_keeps_the_fence_and_delays_the_expiry() -> None:
    past = given(*HELD, renewed("a", 1, until=900), requested("b"))
    past.when(request("c"), at(899)).then(requested("c", 899))
    past.when(request("c"), at(900)).then(
        expired("a", 1), called("b", 2, until=990), requested("c", 900)
    )


@pytest.mark.parametrize("late", [610, 611, 100_000])
def test_it_is_too_late_to_renew_from_the_very_instant_of_expiry(late: int) -> None:
    given(*HELD).when(renew("a"), at(late)).refused(LeaseOver)


def test_what_was_given_back_cannot_be_renewed() -> None:
    given(*HELD, released("a", 1)).when(renew("a"), at(20)).refused(LeaseOver)


def test_what_was_not_acquired_cannot_be_renewed() -> None:
    given(*GRANTED).when(renew("a"), at(1)).refused(NotAcquired)
    given(*GRANTED, requested("b")).when(renew("b"), at(1)).refused(NotAcquired)


def test_nobody_renews_the_lease_of_another() -> None:
    given(*HELD).when(renew("a", actor=STRANGER), at(20)).refused(NotHolder)
    given(*HELD).when(renew("a", actor=OWNER), at(20)).refused(NotHolder)


def test_an_unknown_ticket_cannot_be_renewed() -> None:
    given(*HELD).when(renew("b"), at(20)).refused(TicketNotFound)
