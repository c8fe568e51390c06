"""No bundle that was altered is taken for one that was not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import combinations

import msgspec
import pytest

from domain.seal.findings import Tampered
from tests.projections.bundle_stage import (
    E1,
    E2,
    Json,
    bundle_stage,
    ended_anew,
    is_found,
    verified,
)
from tests.projections.log_stage import Stage

MUTATIONS = 1_000


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with bundle_stage(own_journal_url) as stage:
        yield stage


def test_cut_off_at_any_byte_it_is_found(stage: Stage) -> None:
    bundle, keys = stage.bundle(environment=E1), stage.vkeys
    assert not is_found(keys, bundle)
    assert all(is_found(keys, bundle[:end]) for end in range(len(bundle)))


def test_with_any_byte_altered_it_is_found(stage: Stage) -> None:
    bundle, chance = stage.bundle(earlier=9), random.Random(1)
    keys = stage.vkeys
    places = chance.sample(range(len(bundle)), min(MUTATIONS, len(bundle)))
    for place in places:
        other = bytes([bundle[place] ^ (1 << chance.randrange(8))])
        assert is_found(keys, bundle[:place] + other + bundle[place + 1 :]), place


def test_with_bytes_added_or_left_out_it_is_found(stage: Stage) -> None:
    bundle, chance = stage.bundle(environment=E1), random.Random(2)
    keys = stage.vkeys
    for _ in range(MUTATIONS // 2):
        place = chance.randrange(len(bundle))
        assert is_found(keys, bundle[:place] + bundle[place + 1 :])
        added = chance.choice([b" ", b"\n", b"0", b"\r", b"\t"])
        assert is_found(keys, bundle[:place] + added + bundle[place:])
    assert is_found(keys, bundle + b"\n")
    assert is_found(keys, bundle + bundle)


def edited(line: Json) -> None:
    line["event"]["event"]["fence"] = 99


def edited_in_both(line: Json) -> None:
    edited(line)
    state = msgspec.json.encode(line["event"])
    line["state"] = msgspec.to_builtins(state)


def moved(line: Json) -> None:
    line["stream"] = E2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edited, "edited: the event at position 3 is told otherwise"),
        (edited_in_both, r"edited: the event at position 3 \(version 2 of .*01\)"),
        (moved, r"edited: the event at position 3 \(version 2 of .*02\)"),
    ],
)
def test_who_edits_an_event_and_all_around_it_is_named(
    stage: Stage, change: Callable[[Json], None], named: str
) -> None:
    lines = stage.bundle().splitlines(keepends=True)[:-1]
    line = msgspec.json.decode(lines[3])
    change(line)
    lines[3] = msgspec.json.encode(line) + b"\n"
    with pytest.raises(Tampered, match=named):
        verified(stage, ended_anew(lines))


@pytest.mark.parametrize("question", [{}, {"environment": E1}])
def test_any_two_events_that_are_swapped_are_named(
    stage: Stage, question: Json
) -> None:
    bundle = stage.bundle(**question)
    lines = bundle.splitlines(keepends=True)[:-1]
    for one, other in combinations(range(1, len(lines)), 2):
        swapped = [*lines]
        swapped[one], swapped[other] = lines[other], lines[one]
        with pytest.raises(Tampered, match=r"^re(ordered|moved): "):
            verified(stage, ended_anew(swapped))


def test_any_event_that_is_removed_is_named(stage: Stage) -> None:
    lines = stage.bundle().splitlines(keepends=True)[:-1]
    for number in range(1, len(lines)):
        rest = lines[:number] + lines[number + 1 :]
        named = f"removed: the event at position {number}"
        with pytest.raises(Tampered, match=f"{named}$"):
            verified(stage, ended_anew(rest))
    own = stage.bundle(environment=E1).splitlines(keepends=True)[:-1]
    with pytest.raises(
        Tampered, match=r"removed: version 2 of .*, before the event at"
    ):
        verified(stage, ended_anew([own[0], own[1], *own[3:]]))
    with pytest.raises(Tampered, match="removed: version 1"):
        verified(stage, ended_anew([own[0], *own[2:]]))
    with pytest.raises(Tampered, match="removed: every event of the environment's own"):
        verified(stage, ended_anew([own[0], own[4]]))
    with pytest.raises(Tampered, match="there are 5 events and not 6"):
        verified(stage, ended_anew(own, events=6))


def test_what_a_bundle_cannot_prove(stage: Stage) -> None:
    """The last events of an environment may be left out by who made the bundle."""
    own = stage.bundle(environment=E1).splitlines(keepends=True)[:-1]
    assert verified(stage, ended_anew(own[:-1])).streams == {E1: 3}


def test_an_event_that_was_altered_in_the_database_is_named(stage: Stage) -> None:
    stage.do(
        "UPDATE berth_events SET state = state || '\\x0a' WHERE notification_id = 3"
    )
    named = "edited: the event at position 3"
    with pytest.raises(Tampered, match=named):
        verified(stage, stage.bundle())
    stage.do("UPDATE berth_events SET state = '\\xff00' WHERE notification_id = 3")
    for question in ({}, {"environment": E1}):
        with pytest.raises(Tampered, match=named):
            verified(stage, stage.bundle(**question))
    stage.do("DELETE FROM berth_events WHERE notification_id = 3")
    with pytest.raises(Tampered, match="removed: the event at position 3"):
        verified(stage, stage.bundle())
