"""An issue has one review environment in a pool, however many tasks fetch one."""

from __future__ import annotations

from msgspec.structs import replace

from domain.errors import Forbidden, ReviewMoved
from domain.event import Actor
from domain.review_index import (
    ChooseEnvironment,
    ReviewEnvironmentChosen,
    review_index,
    stream_of,
)
from domain.roles import Role
from tests.support.builders import NOON, OWNER
from tests.support.spec import Spec

given = Spec(review_index).given


def choose(new: str, previous: str | None) -> ChooseEnvironment:
    return ChooseEnvironment(
        by=OWNER,
        repository="acme/shop",
        pool="core",
        issue="A",
        environment_id=new,
        previous_id=previous,
    )


def chosen(new: str, previous: str | None) -> ReviewEnvironmentChosen:
    return ReviewEnvironmentChosen("acme/shop", "core", "A", new, previous)


def test_the_one_before_must_be_known() -> None:
    given().when(choose("x", None), NOON).then(chosen("x", None))
    past = given(chosen("x", None))
    past.when(choose("y", "x"), NOON).then(chosen("y", "x"))
    past.when(choose("y", None), NOON).refused(ReviewMoved)
    given().when(choose("y", "x"), NOON).refused(ReviewMoved)


def test_the_same_one_again_is_no_event() -> None:
    given(chosen("x", None)).when(choose("x", "x"), NOON).then()


def test_names_are_compared_as_everywhere() -> None:
    assert stream_of("acme/shop", "core", "A-1") == stream_of(
        "ACME/Shop", "core", "a-1"
    )
    others = [
        ("acme/shop", "core", "A-2"),
        ("acme/shop", "c", "A-1"),
        ("b", "core", "A-1"),
    ]
    assert (
        len({stream_of(*one) for one in [*others, ("acme/shop", "core", "A-1")]}) == 4
    )


def test_it_is_its_repository_s() -> None:
    limited = Actor("ci", Role.OWNER, repositories=frozenset({"acme/bank"}))
    given().when(replace(choose("x", None), by=limited), NOON).refused(Forbidden)
