"""The order of deployment: all of it at once, and only of those it may have."""

from __future__ import annotations

from typing import Any

import pytest

from domain.environment.events import Category
from domain.errors import Invalid, ProjectNotFound
from domain.orchestration import OrderEnvironments
from domain.project import (
    AddEnvironment,
    ChangeEnvironment,
    RemoveEnvironment,
    project,
)
from domain.project_events import (
    EnvironmentAdded,
    EnvironmentChanged,
    EnvironmentRemoved,
    EnvironmentsOrdered,
    ProjectEvent,
    ProjectRegistered,
)
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

REGISTERED = ProjectRegistered("acme/shop", "https://github.com/acme/shop", "github")
TEST, DEV = Category.TEST, Category.DEV


def added(
    key: str, name: str, category: Category = TEST, *, is_active: bool = True
) -> EnvironmentAdded:
    return EnvironmentAdded(key, name, category, None, is_active)


def put(
    *names: str, category: Category = TEST, include_inactive: bool = False
) -> OrderEnvironments:
    return OrderEnvironments(
        by=OWNER, category=category, names=names, include_inactive=include_inactive
    )


def change(key: str, **facts: Any) -> ChangeEnvironment:
    return ChangeEnvironment(by=OWNER, environment_id=key, **facts)


def ordered(
    *keys: str, left_out: tuple[str, ...] = (), category: Category = TEST
) -> EnvironmentsOrdered:
    return EnvironmentsOrdered(category, keys, left_out)


REMOVE_B = RemoveEnvironment(by=OWNER, environment_id="b")
FLEET: list[ProjectEvent] = [
    REGISTERED,
    added("a", "uat"),
    added("b", "sit"),
    added("c", "caf\u00e9"),
    added("d", "dev1", DEV),
    added("x", "old", is_active=False),
]
given = Spec(project, FLEET).given
ORDER = ordered("a", "b", "c")


def test_names_become_an_order_of_environments() -> None:
    given().when(put("sit", "uat"), at(0)).then(ordered("b", "a"))


def test_names_are_compared_as_everywhere() -> None:
    given().when(put("CAFE\u0301", "Uat"), at(0)).then(ordered("c", "a"))


def test_whoever_is_left_out_loses_its_place() -> None:
    given(ORDER).when(put("caf\u00e9", "uat"), at(0)).then(
        ordered("c", "a", left_out=("b",))
    )
    given(ORDER).when(put(), at(0)).then(ordered(left_out=("a", "b", "c")))


def test_the_order_that_it_has_already_is_no_event() -> None:
    given(ORDER).when(put("uat", "sit", "caf\u00e9"), at(0)).then()
    given().when(put(), at(0)).then()


def test_each_category_has_an_order_of_its_own() -> None:
    past = given(ORDER, ordered("d", category=DEV))
    assert past.state.orders == {"test": ("a", "b", "c"), "dev": ("d",)}


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["uat", "nowhere"], "nowhere: unknown"),
        (["dev1"], "dev1: in dev, not test"),
        (["old"], "old: inactive"),
        (["uat", "sit", "UAT"], "UAT: given twice"),
        (["x", "y", "dev1"], "x, y: unknown; dev1: in dev, not test"),
    ],
)
def test_who_cannot_have_a_place_is_named(names: list[str], why: str) -> None:
    refusal = f"^environmentOrder: {why}$"
    given(ORDER).when(put(*names), at(0)).refused(Invalid, refusal)


def test_of_many_who_cannot_only_some_are_named() -> None:
    names = [f"n{number}" for number in range(13)]
    given().when(put(*names), at(0)).refused(Invalid, "n8, n9, 3 more: unknown$")


def test_inactive_ones_may_be_asked_for() -> None:
    given().when(put("old", "uat", include_inactive=True), at(0)).then(
        ordered("x", "a")
    )


def test_who_was_activated_may_have_a_place_and_who_was_not_may_not() -> None:
    awake = EnvironmentChanged("x", "old", TEST, None)
    asleep = EnvironmentChanged("a", "uat", TEST, None, is_active=False)
    given().when(change("x", is_active=True), at(0)).then(awake)
    given().when(change("a", is_active=False), at(0)).then(asleep)
    given(awake).when(put("old"), at(0)).then(ordered("x"))
    given(asleep).when(put("uat"), at(0)).refused(Invalid, "uat: inactive")


def test_an_inactive_one_is_added_as_such() -> None:
    asleep = AddEnvironment(
        by=OWNER,
        environment_id="y",
        name="y",
        category=TEST,
        salesforce_username=None,
        is_active=False,
    )
    given().when(asleep, at(0)).then(added("y", "y", is_active=False))


def test_what_is_deactivated_keeps_its_place() -> None:
    past = given(ORDER, EnvironmentChanged("b", "sit", TEST, None, is_active=False))
    assert past.state.orders == {"test": ("a", "b", "c")}


def test_what_is_removed_leaves_the_order() -> None:
    given(ORDER).when(REMOVE_B, at(0)).then(
        ordered("a", "c", left_out=("b",)), EnvironmentRemoved("b")
    )


def test_what_moves_to_another_category_leaves_the_order() -> None:
    given(ORDER).when(change("b", category=DEV), at(0)).then(
        EnvironmentChanged("b", "sit", DEV, None),
        ordered("a", "c", left_out=("b",)),
    )


def test_what_is_renamed_stays() -> None:
    renamed = EnvironmentChanged("b", "qa", TEST, None)
    given(ORDER).when(change("b", name="qa"), at(0)).then(renamed)
    past = given(ORDER, renamed)
    past.when(put("uat", "qa", "caf\u00e9"), at(0)).then()
    past.when(put("sit"), at(0)).refused(Invalid, "sit: unknown")


def test_who_has_no_place_leaves_none() -> None:
    given(ordered("a")).when(REMOVE_B, at(0)).then(EnvironmentRemoved("b"))


def test_without_a_repository_there_is_no_order() -> None:
    Spec(project).when(put(), at(0)).refused(ProjectNotFound)
