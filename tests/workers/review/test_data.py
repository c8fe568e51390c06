"""The data of a task is read strictly, plain or wrapped."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, get_type_hints

import msgspec
import pytest

from domain.errors import Invalid
from workers.review.data import (
    ExtendData,
    FetchData,
    ListData,
    OneData,
    ReviewData,
    TransitionData,
)

PLACE = {"repoId": "acme/shop", "pool": "core"}
FETCH = PLACE | {"issue": "A"}
WRONG: list[tuple[type[ReviewData], Any, str]] = [
    (FetchData, {}, "`repoId`"),
    (FetchData, PLACE, "`issue`"),
    (FetchData, FETCH | {"pool": ""}, "pool"),
    (FetchData, FETCH | {"issue": 7}, "issue"),
    (FetchData, FETCH | {"wait": -1}, "wait"),
    (FetchData, FETCH | {"wait": 86_401}, "wait"),
    (FetchData, FETCH | {"wait": "300"}, "wait"),
    (FetchData, FETCH | {"leasefor": 0}, "leasefor"),
    (FetchData, FETCH | {"leasefor": 2_592_001}, "leasefor"),
    (FetchData, FETCH | {"leaseFor": 60}, "`leaseFor`"),
    (FetchData, {"value": PLACE}, "`issue`"),
    (FetchData, {"value": FETCH | {"wait": 1.5}}, "wait"),
    (FetchData, {"value": FETCH, "pool": "other"}, "`pool`"),
    (FetchData, {"value": {"value": FETCH}}, "`value`"),
    (FetchData, {"value": []}, "value"),
    (OneData, PLACE, "`issue`"),
    (ExtendData, FETCH | {"leasefor": 1, "extendBy": 1}, "extendBy"),
    (TransitionData, FETCH, "`status`"),
    (TransitionData, FETCH | {"status": "inuse"}, "status"),
    (ListData, {"pool": "core"}, "`repoId`"),
]


@pytest.mark.parametrize(("kind", "data", "field"), WRONG)
def test_wrong_data_is_refused_and_the_field_named(
    kind: type[ReviewData], data: Any, field: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(data, kind)


@pytest.mark.parametrize("name", ["a\0", " a", "\u200b", "a\n"])
def test_names_can_be_seen(name: str) -> None:
    for field in ("issue", "pool", "repoId", "branch"):
        with pytest.raises(Invalid, match=field) as refusal:
            msgspec.convert(FETCH | {field: name}, FetchData)
        assert refusal.value.field == field


def test_names_spelled_alike_are_alike() -> None:
    read = msgspec.convert(FETCH | {"pool": "cafe\u0301"}, FetchData)
    assert read.pool == "caf\u00e9"


def test_what_wraps_it_does_not_matter() -> None:
    plain = msgspec.convert(FETCH, FetchData)
    wrapped = {"value": FETCH, "description": "Fetch a review environment"}
    assert msgspec.convert(wrapped, FetchData) == plain
    assert msgspec.to_builtins(msgspec.convert(wrapped, FetchData)) == FETCH


def test_the_six_are_installed_each_with_its_data() -> None:
    found = {
        point.name: get_type_hints(point.load())["data"]
        for point in entry_points(group="berth.tasks")
        if point.value.startswith("workers.review.")
    }
    assert found == {
        "fetchReviewEnvironment": FetchData,
        "checkReviewEnvironment": OneData,
        "extendReviewEnvironment": ExtendData,
        "transitionReviewEnvironment": TransitionData,
        "unassignReviewEnvironment": OneData,
        "listAssignedReviewEnvironments": ListData,
    }
