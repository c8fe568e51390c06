"""Events are chosen by their type, spelled in full or in short, or by a family."""

from __future__ import annotations

import pytest

from domain.environment.events import LockAcquired
from domain.errors import Invalid
from domain.outward.choice import TAGS, tags_of
from domain.outward.cloud_event import type_of


def chosen(*types: str) -> set[str]:
    found = tags_of(types)
    assert found is not None
    return set(found)


@pytest.mark.parametrize(
    "spelled",
    [
        "lock.acquired",
        "berth.lock.acquired",
        "lock.acquired.v1",
        "berth.lock.acquired.v1",
        " lock.acquired ",
    ],
)
def test_a_type_may_be_spelled_in_full_or_in_short(spelled: str) -> None:
    assert type_of(LockAcquired) == "berth.lock.acquired.v1"
    assert chosen(spelled) == {"lock.acquired"}


@pytest.mark.parametrize("spelled", ["token.*", "berth.token.*", "berth.token.*.v1"])
def test_a_family_is_all_that_can_happen_to_one_thing(spelled: str) -> None:
    assert chosen(spelled) == {"token.issued", "token.revoked"}


def test_several_stand_apart_or_with_commas() -> None:
    expected = {"token.issued", "token.revoked", "lock.acquired"}
    assert chosen("token.*,lock.acquired") == expected
    assert chosen("token.*", "lock.acquired") == expected


def test_without_any_or_with_a_star_it_is_all_of_them() -> None:
    assert tags_of([]) is None
    assert chosen("*") == TAGS


@pytest.mark.parametrize("odd", ["lock.lost", "loc.*", "lock.*.*", "lock.acquired.v2"])
def test_what_is_no_type_is_refused_by_name(odd: str) -> None:
    with pytest.raises(Invalid) as refusal:
        tags_of(["lock.acquired", odd])
    assert refusal.value.field == "types"
    assert odd in str(refusal.value)


@pytest.mark.parametrize("odd", ["", "lock", "lock.", ".*", "x" * 99, "s3cret", "\n"])
def test_what_does_not_even_look_like_one_is_not_repeated(odd: str) -> None:
    with pytest.raises(Invalid, match="types: number 2 is no event"):
        tags_of([f"lock.acquired,{odd}"])
