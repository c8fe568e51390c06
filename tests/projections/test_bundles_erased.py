"""What was sealed stays proven when a person is erased; what is told of it changes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from api.commands.verification import told
from domain.environment.lock import ReleaseLock
from projections.storage.keyring import Keyring
from projections.storage.subjects import Subjects, subjects_of
from tests.projections.bundle_stage import ended_anew, is_found, lines_of, verified
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_subjects import (
    ADA,
    BOB,
    CI,
    FIRST,
    begun,
    erased,
    happen,
    request,
)


class Sealed(NamedTuple):
    stage: Stage
    subjects: Subjects


@pytest.fixture
def here(own_journal_url: str) -> Iterator[Sealed]:
    """Ada has had the lock, and Bob has it: all of it is under seal."""
    url = own_journal_url
    with (
        closing(subjects_of(url, Keyring(FIRST))) as subjects,
        sealing_stage(url, subjects) as stage,
    ):
        release = ReleaseLock(by=ADA, ticket_id="a")
        begun(url, subjects, request("a", ADA), request("b", BOB), release)
        stage.seal()
        yield Sealed(stage, subjects)


def events(bundle: bytes) -> str:
    """What there is to read of them."""
    return str([line["event"] for line in lines_of(bundle)[1:-1]])


def states(bundle: bytes) -> bytes:
    """What was sealed of them."""
    lines = lines_of(bundle)[1:-1]
    return b"\n".join(base64.b64decode(line["state"]) for line in lines)


def with_lines(bundle: bytes, old: bytes, new: bytes) -> bytes:
    """Altered by somebody who knows how to end it."""
    lines = bundle.splitlines(keepends=True)[:-1]
    return ended_anew([line.replace(old, new) for line in lines])


@pytest.mark.parametrize("about", [{}, {"environment": "e"}])
def test_a_bundle_proves_the_same_before_and_after_an_erasure(
    here: Sealed, about: dict[str, str]
) -> None:
    stage, subjects = here
    before = stage.bundle(**about)
    assert {ADA.id, BOB.id, str(ADA.user_agent)} <= names_in(events(before))
    shown = erased(stage.url, subjects, ADA.id)
    subjects.look()
    after = stage.bundle(**about)
    assert verified(stage, before) == verified(stage, after)
    assert states(after) == states(before)
    assert ADA.id.encode() not in states(before)
    assert names_in(events(after)) == {shown, BOB.id, "erased"}
    assert stage.examined().findings == []


def names_in(text: str) -> set[str]:
    whom = (
        re.escape(ADA.id),
        re.escape(BOB.id),
        str(ADA.user_agent),
        "erased:?[0-9a-f]*",
    )
    return {*re.findall("|".join(whom), text)}


def test_what_is_not_proven_of_people_is_said(here: Sealed) -> None:
    """Whoever alters a bundle can put another name there, and nothing else."""
    bundle = here.stage.bundle()
    proven = verified(here.stage, bundle)
    assert proven.hiding == proven.events
    [said] = [line for line in told(proven) if "in cipher" in line]
    assert said.startswith(f"In {proven.events} of them people were sealed")
    other = with_lines(bundle, ADA.id.encode(), b"eve@people.example")
    assert "eve@people.example" in events(other)
    assert verified(here.stage, other) == proven


def test_of_machines_all_is_proven(here: Sealed) -> None:
    first = lines_of(here.stage.bundle())[-2]["position"] + 1
    happen(here.stage.url, here.subjects, request("c", CI))
    here.stage.seal()
    bundle = here.stage.bundle(first=first)
    assert CI.id in events(bundle)
    proven = verified(here.stage, bundle)
    assert (proven.events > 0, proven.hiding) == (True, 0)
    assert not any("in cipher" in line for line in told(proven))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ticket_id":"a"', b'"ticket_id":"b"'),
        (b'"role":"owner"', b'"role":"member"'),
        (ADA.id.encode() + b'"', ADA.id.encode() + b'","forced":"true"'),
        (ADA.id.encode() + b'"', ADA.id.encode() + b'\\"'),
        (b'"ip":"203.0.113.9"', b'"ip":{"v4":"203.0.113.9"}'),
        (b'"ip":"203.0.113.9",', b""),
        (b'"by":"' + ADA.id.encode() + b'"', b'"by":null'),
    ],
)
def test_anything_but_a_name_or_an_address_is_proven(
    here: Sealed, old: bytes, new: bytes
) -> None:
    bundle = here.stage.bundle()
    assert old in bundle
    assert is_found(here.stage.vkeys, with_lines(bundle, old, new))


def test_whom_this_process_cannot_tell_of_stands_there_in_cipher(here: Sealed) -> None:
    """As in one without the vault's key: what is proven is the same."""
    url, whole = here.stage.url, here.stage.bundle()
    with (
        closing(subjects_of(url, Keyring({7: bytes(32)}))) as strangers,
        sealing_stage(url, strangers) as stage,
    ):
        bundle = stage.bundle()
        assert verified(stage, bundle) == verified(here.stage, whole)
    assert names_in(events(bundle)) == set()
    assert states(bundle) == states(whole)
