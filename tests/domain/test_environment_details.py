"""What an environment is: registered once, revised often, retired in the end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from domain.environment.details import RetireEnvironment, ReviseEnvironment
from domain.environment.environment import environment
from domain.environment.events import (
    Category,
    EnvironmentEvent,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.errors import EnvironmentLocked, EnvironmentNotFound
from tests.support.builders import (
    OWNER,
    acquired,
    at,
    called,
    expired,
    granted,
    nudge,
    register,
    registered,
    release,
    released,
    request,
    requested,
)
from tests.support.spec import Spec

given = Spec(environment).given
GRANTED: list[EnvironmentEvent] = [requested("a"), granted("a", 1, until=600)]
RETIRE = RetireEnvironment(by=OWNER)


def revise(**changes: Any) -> ReviseEnvironment:
    return ReviseEnvironment(by=OWNER, revised=EnvironmentRevised(**changes))


def test_an_environment_is_registered() -> None:
    given().when(register(), at(0)).then(registered())


def test_registering_it_again_changes_nothing() -> None:
    given(registered()).when(register(name="other"), at(0)).then()


def test_a_revision_says_only_what_changed() -> None:
    given(registered(description="old")).when(
        revise(description="new", name="uat", is_active=True), at(0)
    ).then(EnvironmentRevised(description="new"))


def test_a_value_can_be_taken_away() -> None:
    past = given(registered(), EnvironmentRevised(salesforce_username=None))
    assert past.state.details.salesforce_username is None
    given(registered()).when(revise(salesforce_username=None), at(0)).then(
        EnvironmentRevised(salesforce_username=None)
    )


def test_a_revision_that_changes_nothing_is_no_event() -> None:
    given(registered()).when(revise(name="uat", tags=()), at(0)).then()
    given(registered()).when(revise(), at(0)).then()


@pytest.mark.parametrize("new", [{"on": True, "n": [0]}, {"on": 1, "n": [False]}])
def test_true_is_another_value_than_one(new: dict[str, Any]) -> None:
    before = registered(metadata={"on": 1, "n": [0]})
    given(before).when(revise(metadata=new), at(0)).then(
        EnvironmentRevised(metadata=new)
    )
    given(before).when(revise(metadata={"n": [0.0], "on": 1.0}), at(0)).then()


def test_revisions_add_up() -> None:
    details = given(
        registered(),
        EnvironmentRevised(name="sit", tags=("x",)),
        EnvironmentRevised(category=Category.RELEASE, metadata={"a": [1]}),
    ).state.details
    assert (details.name, details.tags) == ("sit", ("x",))
    assert (details.category, details.metadata) == (Category.RELEASE, {"a": [1]})
    assert details.repository == "acme/shop"


def test_a_new_claim_window_is_for_the_next_grant() -> None:
    past = given(
        registered(),
        *GRANTED,
        requested("b"),
        EnvironmentRevised(claim_window_seconds=7),
    )
    past.when(release("a"), at(1)).then(released("a", 1), called("b", 2, until=8))


def test_a_locked_environment_cannot_be_deleted() -> None:
    given(registered(), *GRANTED).when(RETIRE, at(1)).refused(EnvironmentLocked)
    held = given(registered(), *GRANTED, acquired("a", 1, until=600))
    held.when(RETIRE, at(599)).refused(EnvironmentLocked)


def test_a_locked_environment_cannot_be_deactivated() -> None:
    locked = given(registered(), *GRANTED)
    locked.when(revise(is_active=False), at(1)).refused(EnvironmentLocked)


def test_a_locked_environment_can_be_described() -> None:
    given(registered(), *GRANTED).when(
        revise(description="busy", is_active=True), at(1)
    ).then(EnvironmentRevised(description="busy"))


def test_an_inactive_environment_stays_so_however_often_it_is_said() -> None:
    given(registered(is_active=False)).when(revise(is_active=False), at(1)).then()


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (RETIRE, EnvironmentRetired()),
        (revise(is_active=False), EnvironmentRevised(is_active=False)),
    ],
)
def test_once_the_lease_has_passed_both_can_be_done(
    command: ReviseEnvironment | RetireEnvironment, event: EnvironmentEvent
) -> None:
    given(registered(), *GRANTED).when(command, at(600)).then(expired("a", 1), event)


@pytest.mark.parametrize("meant", [{"name": "prod"}, {"repository": "acme/bank"}])
def test_who_means_another_environment_changes_nothing(meant: dict[str, str]) -> None:
    for command in RETIRE, revise(name="x"):
        meaning = replace(command, **meant)
        given(registered()).when(meaning, at(0)).refused(EnvironmentNotFound)


def test_a_new_name_is_given_to_who_has_the_old_one() -> None:
    renaming = replace(revise(name="sit"), name="UAT", repository="shop")
    given(registered()).when(renaming, at(0)).then(EnvironmentRevised(name="sit"))


def test_what_was_retired_is_not_found() -> None:
    gone = given(registered(), EnvironmentRetired())
    for command in (RETIRE, revise(name="x"), request("a"), release("a"), nudge()):
        gone.when(command, at(0)).refused(EnvironmentNotFound)


def test_fences_go_on_where_they_were_however_often_details_change() -> None:
    past = given(
        registered(),
        *GRANTED,
        released("a", 1),
        EnvironmentRevised(is_active=False),
        EnvironmentRevised(is_active=True),
    )
    past.when(request("b"), at(9)).then(requested("b", 9), granted("b", 2, until=609))
