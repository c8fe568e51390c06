"""The order of deployment over HTTP, and how it shows on each environment."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response

from tests.support.client import Caller, Json, made, refused

PATH = "/environments/orchestration-order"
NFD = "cafe\u0301"


@pytest.fixture
def fleet(owner: Caller) -> dict[str, Json]:
    """Three tests environments, one of them inactive, and a development one."""
    here = {"repositoryIdentifier": owner.repository()}
    return {
        "uat": owner.environment(name="uat", **here),
        "caf\u00e9": owner.environment(name=NFD, **here),
        "old": owner.environment(name="old", isActive=False, **here),
        "dev1": owner.environment(name="dev1", category="dev", **here),
    }


def place_of(fleet: dict[str, Json]) -> Json:
    identifier = fleet["uat"]["repositoryIdentifier"]
    return {"repositoryIdentifier": identifier, "category": "test"}


def put(
    owner: Caller, fleet: dict[str, Json], *names: str, **otherwise: Any
) -> Response:
    query = place_of(fleet) | otherwise
    return owner.ask("PUT", PATH, {"environmentOrder": names}, **query)


def order(caller: Caller, fleet: dict[str, Json], **otherwise: Any) -> list[str]:
    answer = caller.get(PATH, **place_of(fleet) | otherwise)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def places(owner: Caller, fleet: dict[str, Json]) -> Json:
    here = {"repositoryIdentifier": fleet["uat"]["repositoryIdentifier"]}
    groups = made(owner.get("/environments", **here))
    return {
        environment["name"]: environment["orchestrationOrder"]
        for group in groups.values()
        for environment in group
    }


def test_the_whole_order_is_replaced_and_shows_on_each_environment(
    owner: Caller, member: Caller, fleet: dict[str, Json]
) -> None:
    assert order(member, fleet) == []
    assert put(owner, fleet, NFD.upper(), "uat").json() == ["caf\u00e9", "uat"]
    assert order(member, fleet) == ["caf\u00e9", "uat"]
    assert places(owner, fleet) == {"caf\u00e9": 1, "uat": 2, "old": None, "dev1": None}
    assert owner.look(fleet["uat"])["orchestrationOrder"] == 2
    patched = owner.patch(f"/environments/{fleet['uat']['id']}", {"branch": "main"})
    assert made(patched)["orchestrationOrder"] == 2

    assert put(owner, fleet, "uat").json() == ["uat"]
    assert order(member, fleet) == ["uat"]
    assert places(owner, fleet) == {
        "caf\u00e9": None,
        "uat": 1,
        "old": None,
        "dev1": None,
    }
    assert put(owner, fleet).json() == []
    assert order(member, fleet) == []


def test_categories_and_repositories_do_not_meet(
    owner: Caller, fleet: dict[str, Json]
) -> None:
    put(owner, fleet, "uat")
    assert put(owner, fleet, "dev1", category="dev").json() == ["dev1"]
    elsewhere = {"uat": owner.environment()}
    assert order(owner, elsewhere) == []
    assert order(owner, fleet) == ["uat"]
    shouted = place_of(fleet)["repositoryIdentifier"].upper()
    assert order(owner, fleet, repositoryIdentifier=shouted) == ["uat"]


def test_inactive_ones_show_only_to_those_who_ask(
    owner: Caller, fleet: dict[str, Json]
) -> None:
    refusal = refused(put(owner, fleet, "old", "uat"), 400, "INVALID")
    assert refusal["field"] == "environmentOrder"
    assert "old: inactive" in refusal["message"]
    both = put(owner, fleet, "old", "uat", includeInactive="true")
    assert both.json() == ["old", "uat"]
    assert order(owner, fleet) == ["uat"]
    assert order(owner, fleet, includeInactive="true") == ["old", "uat"]
    made(owner.patch(f"/environments/{fleet['old']['id']}", {"isActive": True}))
    assert order(owner, fleet) == ["old", "uat"]


def test_every_name_that_will_not_do_is_told_with_its_reason(
    owner: Caller, fleet: dict[str, Json]
) -> None:
    put(owner, fleet, "uat")
    elsewhere = owner.environment(name="sit")["name"]
    answer = put(owner, fleet, "uat", "nowhere", elsewhere, "dev1", "UAT")
    assert refused(answer, 400)["message"] == (
        "environmentOrder: nowhere, sit: unknown; dev1: in dev, not test; "
        "UAT: given twice"
    )
    assert order(owner, fleet) == ["uat"]


def test_who_goes_leaves_the_order_and_who_is_renamed_stays(
    owner: Caller, fleet: dict[str, Json]
) -> None:
    put(owner, fleet, "old", "uat", NFD, includeInactive="true")
    cafe, old = (f"/environments/{fleet[name]['id']}" for name in ("caf\u00e9", "old"))
    made(owner.patch(cafe, {"name": "bar"}))
    assert order(owner, fleet) == ["uat", "bar"]
    assert owner.delete(old).status_code == 204
    assert places(owner, fleet) == {"bar": 2, "uat": 1, "dev1": None}
    made(owner.patch(f"/environments/{fleet['uat']['id']}", {"category": "dev"}))
    assert places(owner, fleet) == {"bar": 1, "uat": None, "dev1": None}
    assert order(owner, fleet, category="dev") == []


def test_an_unknown_repository_has_no_order(
    owner: Caller, fleet: dict[str, Json]
) -> None:
    nowhere = {"repositoryIdentifier": "acme/nowhere"}
    refused(put(owner, fleet, **nowhere), 404, "REPOSITORY_NOT_FOUND")
    unknown = owner.get(PATH, **place_of(fleet) | nowhere)
    refused(unknown, 404, "REPOSITORY_NOT_FOUND")
    bare = {"repositoryIdentifier": owner.repository()}
    assert order(owner, fleet, **bare) == []


@pytest.mark.parametrize("missing", ["repositoryIdentifier", "category"])
def test_both_parameters_are_required(
    owner: Caller, fleet: dict[str, Json], missing: str
) -> None:
    query = place_of(fleet)
    del query[missing]
    for answer in (
        owner.get(PATH, **query),
        owner.ask("PUT", PATH, {"environmentOrder": []}, **query),
    ):
        assert refused(answer, 400)["field"] == missing


def test_the_order_is_the_owner_s_to_set(
    application: Caller, fleet: dict[str, Json]
) -> None:
    refused(put(application, fleet, "uat"), 403, "FORBIDDEN")
