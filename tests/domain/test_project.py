"""A repository, and the names, orgs and defaults its environments share out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.environment.events import Category
from domain.errors import (
    EnvironmentExists,
    EnvironmentNotFound,
    ProjectExists,
    ProjectInUse,
    ProjectNotFound,
    UsernameTaken,
)
from domain.project import (
    AddEnvironment,
    ChangeEnvironment,
    RegisterProject,
    RemoveEnvironment,
    RetireProject,
    ReviseProject,
    project,
    stream_of,
)
from domain.project_events import (
    DefaultChosen,
    EnvironmentAdded,
    EnvironmentChanged,
    EnvironmentRemoved,
    ProjectEvent,
    ProjectRegistered,
    ProjectRetired,
    ProjectRevised,
)
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

URL = "https://github.com/acme/shop"
REGISTERED = ProjectRegistered("acme/shop", URL, "github")
TEST, DEV = Category.TEST, Category.DEV

given = Spec(project, [REGISTERED]).given


def added(
    environment: str, name: str | None = None, username: str | None = None
) -> EnvironmentAdded:
    return EnvironmentAdded(environment, name or environment, TEST, username)


def add(
    environment: str,
    name: str | None = None,
    username: str | None = None,
    *,
    is_default: bool = False,
) -> AddEnvironment:
    return AddEnvironment(
        by=OWNER,
        environment_id=environment,
        name=name or environment,
        category=TEST,
        salesforce_username=username,
        is_default=is_default,
    )


def change(environment: str, **facts: Any) -> ChangeEnvironment:
    return ChangeEnvironment(by=OWNER, environment_id=environment, **facts)


def remove(environment: str) -> RemoveEnvironment:
    return RemoveEnvironment(by=OWNER, environment_id=environment)


def revise(**facts: Any) -> ReviseProject:
    return ReviseProject(by=OWNER, **facts)


REGISTER = RegisterProject(by=OWNER, identifier="acme/shop", remote_url=URL)
RETIRE = RetireProject(by=OWNER)


# The repository.


def test_a_repository_is_registered() -> None:
    Spec(project).when(REGISTER, at(0)).then(REGISTERED)


def test_it_cannot_be_registered_twice() -> None:
    given().when(REGISTER, at(0)).refused(ProjectExists)


def test_its_stream_is_the_same_however_it_is_spelled() -> None:
    assert stream_of("ACME/Shop") == stream_of("acme/shop")
    assert stream_of("acme/shop") != stream_of("acme/shops")


def test_a_revision_says_only_what_changed() -> None:
    given().when(revise(remote_url=URL, configuration={"a": 1}), at(0)).then(
        ProjectRevised(configuration={"a": 1})
    )
    given().when(revise(remote_url="https://gitlab.com/acme/shop"), at(0)).then(
        ProjectRevised("https://gitlab.com/acme/shop", "gitlab")
    )


def test_a_revision_that_changes_nothing_is_no_event() -> None:
    given().when(revise(remote_url=URL, configuration={}), at(0)).then()
    given(ProjectRevised(configuration={"a": 1})).when(
        revise(configuration={"a": 1}), at(0)
    ).then()


@pytest.mark.parametrize(("before", "after"), [(1, True), (False, 0)])
def test_true_is_another_value_than_one(before: int, after: int) -> None:
    given(ProjectRevised(configuration={"sparse": before})).when(
        revise(configuration={"sparse": after}), at(0)
    ).then(ProjectRevised(configuration={"sparse": after}))


def test_a_repository_with_environments_cannot_be_removed() -> None:
    given(added("e1")).when(RETIRE, at(0)).refused(ProjectInUse)
    given(added("e1"), EnvironmentRemoved("e1")).when(RETIRE, at(0)).then(
        ProjectRetired()
    )


def test_what_was_retired_can_be_registered_again() -> None:
    given(ProjectRetired()).when(REGISTER, at(0)).then(REGISTERED)


@pytest.mark.parametrize("past", [[], [REGISTERED, ProjectRetired()]])
def test_nothing_else_can_be_done_without_a_repository(past: list[Any]) -> None:
    for command in (revise(), RETIRE, add("e1"), change("e1"), remove("e1")):
        Spec(project, past).when(command, at(0)).refused(ProjectNotFound)


# Names and usernames.


def test_an_environment_is_added() -> None:
    given().when(add("e1"), at(0)).then(added("e1"))


def test_adding_it_again_changes_nothing() -> None:
    given(added("e1")).when(add("e1"), at(0)).then()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("uat", "uat"),
        ("uat", "UAT"),
        ("Straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAFE\u0301", "caf\u00e9"),
        ("\u212bngstrom", "a\u030angstrom"),
    ],
)
def test_two_names_that_read_the_same_are_one(first: str, second: str) -> None:
    past = given(added("e1", first))
    past.when(add("e2", second), at(0)).refused(EnvironmentExists, first)
    past = given(added("e1", first), added("e2"))
    past.when(change("e2", name=second), at(0)).refused(EnvironmentExists)


def test_names_that_differ_are_two() -> None:
    given(added("e1", "uat")).when(add("e2", "uat2"), at(0)).then(added("e2", "uat2"))


def test_an_org_serves_one_environment_of_a_repository() -> None:
    past = given(added("e1", username="Uat@acme.example"), added("e2"))
    past.when(add("e3", username="uat@ACME.example"), at(0)).refused(UsernameTaken)
    past.when(change("e2", salesforce_username="uat@acme.example"), at(0)).refused(
        UsernameTaken
    )


def test_many_environments_may_have_no_org() -> None:
    given(added("e1")).when(add("e2"), at(0)).then(added("e2"))


def test_a_name_is_no_obstacle_to_itself() -> None:
    given(added("e1", "uat", "u@x")).when(
        change("e1", name="UAT", salesforce_username="U@x"), at(0)
    ).then(EnvironmentChanged("e1", "UAT", TEST, "U@x"))


def test_what_was_removed_leaves_its_name_and_its_org() -> None:
    past = given(added("e1", "uat", "u@x"), EnvironmentRemoved("e1"))
    past.when(add("e2", "uat", "u@x"), at(0)).then(added("e2", "uat", "u@x"))


def test_what_was_renamed_leaves_its_old_name() -> None:
    past = given(added("e1", "uat"), EnvironmentChanged("e1", "sit", TEST, None))
    past.when(add("e2", "uat"), at(0)).then(added("e2", "uat"))
    past.when(add("e2", "sit"), at(0)).refused(EnvironmentExists)


def test_removing_twice_is_removing_once() -> None:
    given(added("e1")).when(remove("e1"), at(0)).then(EnvironmentRemoved("e1"))
    given(added("e1"), EnvironmentRemoved("e1")).when(remove("e1"), at(0)).then()


def test_a_change_that_changes_nothing_is_no_event() -> None:
    given(added("e1", username="u@x")).when(
        change("e1", name="e1", category=TEST, is_default=UNSET), at(0)
    ).then()


def test_what_is_not_there_any_more_cannot_be_changed() -> None:
    gone = given(added("e1"), EnvironmentRemoved("e1"))
    gone.when(change("e1", name="x"), at(0)).refused(EnvironmentNotFound)


# Defaults.

DEFAULT = DefaultChosen(TEST, "e1", None)
WITH_DEFAULT: list[ProjectEvent] = [added("e1"), DEFAULT, added("e2")]


def test_an_environment_can_be_the_default_from_the_beginning() -> None:
    given().when(add("e1", is_default=True), at(0)).then(added("e1"), DEFAULT)


def test_a_new_default_takes_over_from_the_previous_one_in_the_same_append() -> None:
    given(added("e1"), DEFAULT).when(add("e2", is_default=True), at(0)).then(
        added("e2"), DefaultChosen(TEST, "e2", "e1")
    )
    past = given(*WITH_DEFAULT)
    past.when(change("e2", is_default=True), at(0)).then(
        DefaultChosen(TEST, "e2", "e1")
    )
    assert past.given(DefaultChosen(TEST, "e2", "e1")).state.defaults == {TEST: "e2"}


def test_the_default_stays_the_default() -> None:
    given(*WITH_DEFAULT).when(change("e1", is_default=True), at(0)).then()
    given(*WITH_DEFAULT).when(change("e2", is_default=False), at(0)).then()


def test_the_default_can_be_given_up() -> None:
    past = given(*WITH_DEFAULT)
    past.when(change("e1", is_default=False), at(0)).then(
        DefaultChosen(TEST, None, "e1")
    )
    assert past.given(DefaultChosen(TEST, None, "e1")).state.defaults == {}


def test_each_category_has_a_default_of_its_own() -> None:
    dev = EnvironmentAdded("e3", "e3", DEV, None)
    past = given(*WITH_DEFAULT, dev)
    past.when(change("e3", is_default=True), at(0)).then(DefaultChosen(DEV, "e3", None))


def test_a_default_that_changes_its_category_gives_the_old_one_up() -> None:
    moved = EnvironmentChanged("e1", "e1", DEV, None)
    left = DefaultChosen(TEST, None, "e1")
    past = given(*WITH_DEFAULT)
    past.when(change("e1", category=DEV), at(0)).then(moved, left)
    past.when(change("e1", category=DEV, is_default=True), at(0)).then(
        moved, left, DefaultChosen(DEV, "e1", None)
    )


def test_with_the_default_environment_goes_the_default() -> None:
    past = given(*WITH_DEFAULT, EnvironmentRemoved("e1"))
    assert past.state.defaults == {}
    past.when(change("e2", is_default=True), at(0)).then(
        DefaultChosen(TEST, "e2", None)
    )
