"""What others ask of an environment before they rely on it: nothing ever follows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent, EnvironmentRetired
from domain.environment.requirement import RequireEnvironment, RequireHold
from domain.errors import (
    EnvironmentNotFound,
    NotAcquired,
    NotHolder,
    StaleFence,
    TicketEnded,
    TicketNotFound,
)
from domain.event import Actor
from tests.support.builders import (
    OWNER,
    STRANGER,
    acquired,
    at,
    by,
    called,
    expired,
    granted,
    lapsed,
    registered,
    released,
    requested,
    unclaimed,
    withdrawn,
)
from tests.support.spec import Spec

given = Spec(environment, [registered()]).given
GRANTED: list[EnvironmentEvent] = [requested("a"), granted("a", 1, until=600)]
HELD = [*GRANTED, acquired("a", 1, until=610), requested("b")]
ENDS: list[list[EnvironmentEvent]] = [
    [released("a", 1)],
    [expired("a", 1)],
    [unclaimed("a", 1)],
]


def hold(ticket: str, fence: int, actor: Actor | None = None) -> RequireHold:
    return RequireHold(by=actor or by(ticket), ticket_id=ticket, fence=fence)


def test_the_holder_holds_until_its_lease_ends() -> None:
    given(*HELD).when(hold("a", 1), at(10)).then()
    given(*HELD).when(hold("a", 1), at(609.9)).then()
    given(*HELD).when(hold("a", 1), at(610)).refused(StaleFence, "expired")


@pytest.mark.parametrize("end", ENDS)
def test_who_held_once_has_an_outdated_fence(end: list[EnvironmentEvent]) -> None:
    given(*HELD, *end).when(hold("a", 1), at(10)).refused(StaleFence)


@pytest.mark.parametrize("end", [withdrawn("b"), lapsed("b")])
def test_who_never_held_has_none(end: EnvironmentEvent) -> None:
    given(*HELD, end).when(hold("b", 0), at(10)).refused(TicketEnded)


def test_who_waits_or_was_only_called_does_not_hold() -> None:
    given(*HELD).when(hold("b", 0), at(10)).refused(NotAcquired, "queued")
    given(*GRANTED).when(hold("a", 1), at(10)).refused(NotAcquired, "granted")
    past = given(*HELD, released("a", 1), called("b", 2, until=90))
    past.when(hold("b", 2), at(10)).refused(NotAcquired)


def test_a_fence_from_before_the_grant_is_no_fence() -> None:
    given(*HELD).when(hold("a", 0), at(10)).refused(NotAcquired)


@pytest.mark.parametrize(
    "actor", [STRANGER, OWNER, replace(by("a"), application="another")]
)
def test_the_ticket_is_its_holder_s_alone(actor: Actor) -> None:
    given(*HELD).when(hold("a", 1, actor), at(10)).refused(NotHolder)
    given(*HELD, released("a", 1)).when(hold("a", 1, actor), at(10)).refused(NotHolder)


def test_a_ticket_that_was_never_issued_is_unknown() -> None:
    given(*HELD).when(hold("z", 1), at(10)).refused(TicketNotFound)


def test_an_environment_is_there_until_it_is_retired() -> None:
    there = RequireEnvironment(by=STRANGER)
    given().when(there, at(0)).then()
    given(EnvironmentRetired()).when(there, at(0)).refused(EnvironmentNotFound)
    Spec(environment).when(there, at(0)).refused(EnvironmentNotFound)
