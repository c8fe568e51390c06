"""Names, ids, roles and actors: what may be said, and what counts as the same."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.access import AccessRefused, EnvironmentRead, RecordAccess, access
from domain.errors import Invalid
from domain.event import Actor, system
from domain.ids import new_id, new_ticket_id, parse_id
from domain.naming import NAME_LENGTH_MAX, fold, identifier_of, name_of
from domain.roles import Role
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

SHARP_S = "\u00df"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uat", "UAT"),
        (f"Stra{SHARP_S}e", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("\u212b", "a\u030a"),
        ("\u03a3\u03a3", "\u03c3\u03c2"),
    ],
)
def test_names_are_compared_in_nfc_and_without_case(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("uat", "uat1"), ("e", "\u00e9"), ("1", "\u0661"), ("a", "")]
)
def test_other_names_are_other_names(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@for_all(st.text(max_size=20))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_a_name_is_kept_in_nfc() -> None:
    assert name_of("cafe\u0301", "name") == "caf\u00e9"


@pytest.mark.parametrize(
    "name", ["uat", "UAT 2", "\u6d4b\u8bd5", "a.b-c_d", "...", "\u00e9"]
)
def test_a_name_may_be_in_any_script(name: str) -> None:
    assert name_of(name, "name") == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("x" * (NAME_LENGTH_MAX + 1), "longer"),
        (" uat", "space"),
        ("uat\u00a0", "space"),
        ("u\nat", "seen"),
        ("u\x00at", "seen"),
        ("u\u200bat", "seen"),
        ("u\u202eat", "seen"),
        ("u\ud800at", "seen"),
        ("a/b", "slash"),
        (".", "dots"),
        ("..", "dots"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused(name: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refusal:
        name_of(name, "environmentName")
    assert refusal.value.field == "environmentName"
    assert "environmentName" in str(refusal.value)


def test_the_longest_name_is_allowed() -> None:
    assert name_of("x" * NAME_LENGTH_MAX, "name")
    assert name_of("e\u0301" * NAME_LENGTH_MAX, "name")


@pytest.mark.parametrize("text", ["acme/shop", "a/b/c", "/x"])
def test_a_name_may_have_a_slash(text: str) -> None:
    assert name_of(text, "name", slash=True) == text


@pytest.mark.parametrize("text", ["acme/shop", "shop", "a/b/c", ".github", "a/..."])
def test_a_repository_s_identifier_is_a_path(text: str) -> None:
    assert identifier_of(text, "identifier") == text


@pytest.mark.parametrize(
    "text", ["/x", "x/", "a//b", "/", "//", ".", "..", "./a", "a/..", "a/./b", "a/../b"]
)
def test_a_path_that_leads_nowhere_is_no_identifier(text: str) -> None:
    with pytest.raises(Invalid, match="empty or only dots") as refusal:
        identifier_of(text, "identifier")
    assert refusal.value.field == "identifier"


def test_an_identifier_is_a_name_before_all() -> None:
    for text in "", " a/b", "x" * (NAME_LENGTH_MAX + 1), "a\n/b":
        with pytest.raises(Invalid):
            identifier_of(text, "identifier")


def test_ids_are_uuids_and_never_twice_the_same() -> None:
    assert parse_id(new_id(), "id")
    assert parse_id(new_ticket_id().removeprefix("ticket_"), "id")
    assert new_ticket_id() != new_ticket_id()
    assert new_id() != new_id()


def test_an_id_is_read_in_any_case() -> None:
    some = "123E4567-E89B-12D3-A456-426614174000"
    assert parse_id(some, "id") == some.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uat",
        "123e4567e89b12d3a456426614174000",
        "{123e4567-e89b-12d3-a456-426614174000}",
        "123e4567-e89b-12d3-a456-42661417400g",
        "123e4567-e89b-12d3-a456-4266141740_0",
        "123e4567e89b12d3a456426614174000----",
        "\uff1123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_an_id_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="environmentId"):
        parse_id(text, "environmentId")


def test_each_role_includes_the_one_before_it() -> None:
    ranked = [Role.MEMBER, Role.APPLICATION, Role.OWNER]
    for rank, role in enumerate(ranked):
        assert [role.includes(other) for other in ranked] == [
            rank >= other for other in range(3)
        ]


def test_two_tokens_of_one_application_are_one_actor() -> None:
    first = Actor("ci", Role.APPLICATION, "ci", request_id="1", ip="10.0.0.1")
    second = Actor("ci", Role.OWNER, "ci", request_id="2", ip="10.0.0.2")
    assert first.is_same_as(second.id, second.application)
    assert not first.is_same_as("ci", None)
    assert not first.is_same_as("other", "ci")


def test_berth_acts_under_a_name_nobody_can_have() -> None:
    assert system("time").id == "berth:time"


def test_an_access_is_recorded_as_it_was() -> None:
    for event in (
        EnvironmentRead("e1", "acme/shop"),
        AccessRefused("e1", 403, "GET", "/x", "no", count=7),
    ):
        Spec(access).when(RecordAccess(by=OWNER, event=event), at(0)).then(event)
