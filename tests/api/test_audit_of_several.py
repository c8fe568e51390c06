"""What is done to several environments at once is in the audit of each of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.client import Caller, Json, made

ORDER = "/environments/orchestration-order"


@pytest.fixture
def here(owner: Caller) -> Json:
    return {"repositoryIdentifier": owner.repository()}


@pytest.fixture
def fleet(owner: Caller, here: Json) -> list[Json]:
    return [owner.environment(name=name, **here) for name in "abc"]


def updates(caller: Caller, environment: Json) -> list[Json]:
    """What was said of each, oldest first."""
    told = caller.audit(environment, accessType="update")
    assert {one["environment_id"] for one in told} <= {environment["id"]}
    return [one["access_details"] for one in reversed(told)]


def of_repository(caller: Caller, here: Json, **query: Any) -> list[Json]:
    name = quote(here["repositoryIdentifier"], safe="")
    answer = caller.get(f"/environments/repository/{name}/audit", **query)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def put(owner: Caller, here: Json, *names: str) -> None:
    query = here | {"category": "test"}
    assert owner.ask("PUT", ORDER, {"environmentOrder": names}, **query).is_success


def choose(owner: Caller, environment: Json, *, is_default: bool = True) -> None:
    body = {"isDefault": is_default}
    made(owner.patch(f"/environments/{environment['id']}", body))


def chosen(*, is_default: bool) -> Json:
    return {
        "action": "default_chosen",
        "category": "test",
        "is_default": is_default,
    }


def ordered(place: int | None) -> Json:
    return {
        "action": "environments_ordered",
        "category": "test",
        "orchestration_order": place,
    }


def test_a_default_and_the_one_before_it_are_on_record(
    owner: Caller, fleet: list[Json]
) -> None:
    first, second, _ = fleet
    choose(owner, first)
    choose(owner, second)
    choose(owner, second, is_default=False)
    both = [chosen(is_default=True), chosen(is_default=False)]
    assert [updates(owner, one) for one in fleet] == [both, both, []]
    [record, _] = owner.audit(first, accessType="update")
    assert record["accessed_by"] == owner.name
    assert record["ip_address"] == "127.0.0.1"


def test_who_is_created_as_the_default_and_whom_it_replaces_are_told(
    owner: Caller, here: Json
) -> None:
    first = owner.environment(isDefault=True, **here)
    second = owner.environment(name="sit", isDefault=True, **here)
    assert updates(owner, first) == [chosen(is_default=True), chosen(is_default=False)]
    assert updates(owner, second) == [chosen(is_default=True)]


def test_an_order_is_told_to_all_that_it_names_or_leaves_out(
    owner: Caller, here: Json, fleet: list[Json]
) -> None:
    put(owner, here, "b", "a")
    put(owner, here, "b", "c")
    assert [updates(owner, one) for one in fleet] == [
        [ordered(2), ordered(None)],
        [ordered(1), ordered(1)],
        [ordered(2)],
    ]


def test_whoever_moves_up_as_another_is_deleted_is_told(
    owner: Caller, here: Json, fleet: list[Json]
) -> None:
    deleted, *rest = fleet
    put(owner, here, "a", "b", "c")
    assert owner.delete(f"/environments/{deleted['id']}").is_success
    assert [updates(owner, one) for one in rest] == [
        [ordered(2), ordered(1)],
        [ordered(3), ordered(2)],
    ]
    told = of_repository(owner, here)
    assert {one["environment_id"] for one in told} == {one["id"] for one in rest}


def test_pages_of_a_repository_have_each_record_once(
    owner: Caller, here: Json, fleet: list[Json]
) -> None:
    put(owner, here, "a", "b", "c")
    choose(owner, fleet[0])
    choose(owner, fleet[1])
    story = of_repository(owner, here)
    assert len(story) == len({one["id"] for one in story}) == 3 + 3 + 1 + 2
    assert story == [
        one
        for offset in range(len(story))
        for one in of_repository(owner, here, limit=1, offset=offset)
    ]
    mine = owner.get("/audit", accessedBy=owner.name, accessType="update", limit=1_000)
    told = of_repository(owner, here, accessType="update", accessedBy=owner.name)
    assert told == story[:6]
    assert [one for one in mine.json() if one in told] == told
    at = {"from": told[-1]["accessed_at"], "to": told[-1]["accessed_at"]}
    assert of_repository(owner, here, **at) == told[-3:]
    parts = [one for environment in fleet for one in owner.audit(environment)]
    assert sorted(parts, key=lambda one: str(one["id"])) == sorted(
        story, key=lambda one: str(one["id"])
    )
