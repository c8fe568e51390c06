"""Salesforce orgs: one entry for each username, one default dev hub among them."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Invalid, OrgNotFound
from domain.org import (
    DefaultDevHubChosen,
    OrgRegistered,
    OrgRemoved,
    RegisterOrg,
    RemoveOrg,
    RequireOrg,
    orgs,
)
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

given = Spec(orgs).given


def known(org: str, **facts: Any) -> OrgRegistered:
    values: dict[str, Any] = {"username": f"{org}@acme.example", "credential_id": "c1"}
    return OrgRegistered(org, **(values | facts))


def hub(org: str, **facts: Any) -> OrgRegistered:
    return known(org, is_dev_hub=True, **facts)


def new(org: str, **facts: Any) -> OrgRegistered:
    return known(org, credential_id="c2", **facts)


def again(org: str, **facts: Any) -> OrgRegistered:
    """Registered once more, with a new auth URL in place of the old one."""
    return known(org, credential_id="c2", previous_credential_id="c1", **facts)


def register(org: str, **facts: Any) -> RegisterOrg:
    values: dict[str, Any] = {"username": f"{org}@acme.example", "credential_id": "c2"}
    return RegisterOrg(by=OWNER, org_id=org, **(values | facts))


def remove(username: str) -> RemoveOrg:
    return RemoveOrg(by=OWNER, username=username)


def require(**usernames: str) -> RequireOrg:
    return RequireOrg(by=OWNER, usernames=usernames)


def test_an_org_is_registered() -> None:
    given().when(register("a", metadata={"x": 1}), at(0)).then(
        new("a", metadata={"x": 1})
    )


def test_registering_again_updates_it_and_keeps_its_id() -> None:
    facts = {"username": "A@acme.example", "instance_url": "https://b"}
    given(known("a")).when(register("new", **facts), at(0)).then(again("a", **facts))


def test_registering_again_with_the_same_facts_is_on_record() -> None:
    given(known("a")).when(register("a"), at(0)).then(again("a"))


def test_a_known_org_has_one_entry_however_its_username_is_spelled() -> None:
    state = given(known("a"), known("a", username="A@ACME.example")).state
    assert [org.username for org in state.known.values()] == ["A@ACME.example"]


def test_the_first_default_dev_hub() -> None:
    given().when(register("a", is_dev_hub=True, is_default=True), at(0)).then(
        new("a", is_dev_hub=True), DefaultDevHubChosen("a", None)
    )


def test_a_new_default_takes_the_place_of_the_one_before() -> None:
    past = given(hub("a"), DefaultDevHubChosen("a", None))
    past.when(register("b", is_dev_hub=True, is_default=True), at(0)).then(
        new("b", is_dev_hub=True), DefaultDevHubChosen("b", "a")
    )


def test_the_default_stays_the_default() -> None:
    past = given(hub("a"), DefaultDevHubChosen("a", None))
    past.when(register("a", is_dev_hub=True, is_default=True), at(0)).then(
        again("a", is_dev_hub=True)
    )


def test_a_dev_hub_can_cease_to_be_the_default() -> None:
    past = given(hub("a"), DefaultDevHubChosen("a", None))
    past.when(register("a", is_dev_hub=True), at(0)).then(
        again("a", is_dev_hub=True), DefaultDevHubChosen(None, "a")
    )


def test_another_org_leaves_the_default_alone() -> None:
    past = given(hub("a"), DefaultDevHubChosen("a", None))
    past.when(register("b", is_dev_hub=True), at(0)).then(new("b", is_dev_hub=True))


def test_only_a_dev_hub_can_be_the_default() -> None:
    given().when(register("a", is_default=True), at(0)).refused(Invalid, "isDefault")


def test_an_org_is_removed() -> None:
    given(known("a")).when(remove("A@acme.example"), at(0)).then(
        OrgRemoved("a", "a@acme.example", "c1")
    )


def test_with_the_default_dev_hub_goes_the_default() -> None:
    past = given(hub("a"), DefaultDevHubChosen("a", None))
    past.when(remove("a@acme.example"), at(0)).then(
        DefaultDevHubChosen(None, "a"), OrgRemoved("a", "a@acme.example", "c1")
    )


@pytest.mark.parametrize("past", [(), (known("a"), OrgRemoved("a", "a@x", "c1"))])
def test_an_org_that_is_not_there_cannot_be_removed(past: tuple[Any, ...]) -> None:
    given(*past).when(remove("a@acme.example"), at(0)).refused(OrgNotFound)


def test_orgs_that_are_required_must_be_there() -> None:
    past = given(known("a"), known("b"))
    past.when(require(org="A@acme.example", hub="b@acme.example"), at(0)).then()
    past.when(require(), at(0)).then()
    past.when(require(org="a@acme.example", hub="c@acme.example"), at(0)).refused(
        OrgNotFound, "under this hub"
    )
