"""What is personal within stored bytes: found, hidden, mistaken for no text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.catalog import AnyEvent
from domain.environment.events import LockRequested
from domain.hidden import MARK, NAME
from domain.record import Origin, Recorded
from domain.roles import Role
from domain.task.events import Holder, Order, Submitter, TaskStarted, TaskSubmitted
from projections.storage.personal import (
    cipher_in,
    ciphers_in,
    hidden,
    name_in_json,
    names_in,
    places_in,
    shown,
)
from tests.golden.examples import EXAMPLES, recorded

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = AESSIV(AESSIV.generate_key(512))
# What says who it was: an actor, or somebody that is spoken of.
SAYS_WHO = ("_by", "submitter", "holder")


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__name__)
def test_every_field_that_says_who_is_found(kind: Any) -> None:
    """Whoever adds such a field makes it a `PersonName`, or renames it."""
    fields = {field.name for field in msgspec.structs.fields(kind)}
    say_who = {name for name in fields if name.endswith(SAYS_WHO)}
    assert {name for name, _ in places_in(kind)} == say_who


def test_within_another_struct_they_are_found_too() -> None:
    order = Order("renderReport", {})
    task = TaskSubmitted(order, Submitter("ada", Role.MEMBER), AT)
    [(name, within)] = places_in(TaskSubmitted)
    assert (name, [field for field, _ in within or ()]) == ("submitter", ["id"])
    assert list(names_in(task, places_in(TaskSubmitted))) == [("ada", True)]


@pytest.mark.parametrize("application", ["ci", None])
def test_whose_application_it_is_makes_the_difference(application: str | None) -> None:
    started = TaskStarted(1, "lease", "w", AT, Holder("ci", application))
    told = list(names_in(started, places_in(TaskStarted)))
    assert told == ([] if application else [("ci", True)])


def test_of_a_name_that_is_only_spoken_of_nothing_is_certain() -> None:
    granted = next(e for e in EXAMPLES if type(e).__name__ == "LockGranted")
    [(_, is_certain)] = names_in(granted, places_in(type(granted)))
    assert not is_certain


@given(st.text(min_size=1))
def test_what_is_hidden_is_shown_by_its_key_and_by_no_other(name: str) -> None:
    name = name.encode(errors="replace").decode()
    raw = bytes(hidden(NAME, 17, KEY, name_in_json(name)))
    assert raw == bytes(hidden(NAME, 17, KEY, name_in_json(name)))
    cipher = cipher_in(raw[1:-1].removeprefix(b"\\"))
    assert json.loads(shown(cipher, KEY)) == name
    with pytest.raises(InvalidTag):
        shown(cipher, AESSIV(AESSIV.generate_key(512)))


TEXTS = st.text() | st.sampled_from(
    ['"\\/n17.abc"', "\\/n17.abc", '\\"\\/', '"', "\\", "/n17.abc", '\\\\"\\\\/o1.']
)


@given(st.lists(TEXTS, max_size=5).map("".join), st.dictionaries(TEXTS, TEXTS))
def test_no_text_of_anybodys_looks_like_something_hidden(
    text: str, data: dict[str, str]
) -> None:
    text = text.encode(errors="replace").decode()
    said = msgspec.json.encode(
        {"reason": text, "data": [data.keys(), list(data.values())], "a": [text, "/"]},
        enc_hook=list,
    )
    assert MARK not in said
    assert list(ciphers_in(said)) == []


def test_what_is_stored_is_json_with_it_and_without() -> None:
    raw = hidden(NAME, 17, KEY, name_in_json("ada"))
    event = next(e for e in EXAMPLES if isinstance(e, LockRequested))
    told: Any = {"event": replace(event, requested_by=raw), "by": raw}
    state = msgspec.json.encode(told)
    assert json.loads(state)["by"].startswith("/n17.")
    assert [cipher.key_id for cipher in ciphers_in(state)] == [17, 17]


def test_the_examples_say_who() -> None:
    """Else the tests of hiding would be of nothing."""
    whose: Recorded = recorded(EXAMPLES[0])
    assert isinstance(whose.origin, Origin)
    assert sum(bool(places_in(type(event))) for event in EXAMPLES) > 10
