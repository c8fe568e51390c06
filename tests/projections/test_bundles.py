"""A bundle proves what it should, and no altered one is taken for it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, LiteralString

import msgspec
import pytest

from domain.access import AccessRefused
from domain.environment.events import Category, EnvironmentRegistered
from domain.errors import EnvironmentNotFound, Invalid, NotFound, ProjectNotFound
from domain.event import Event
from domain.project import stream_of
from domain.project_events import ProjectRegistered
from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import Checkpoint
from domain.seal.verdict import Proven, Verdict
from projections.storage.log import export
from projections.storage.log.signing import is_signed, new_private_key, public_half
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import granted, story

E1 = "0b5e3c1e-37a5-4c54-9f8e-0d3a3e0d6a01"
E2 = "0b5e3c1e-37a5-4c54-9f8e-0d3a3e0d6a02"
MUTATIONS = 1_000
COUNT: LiteralString = """
UPDATE berth_events AS event SET originator_version = counted.number FROM (
    SELECT notification_id AS id, row_number() OVER (
        PARTITION BY originator_id ORDER BY notification_id
    ) AS number FROM berth_events
) AS counted WHERE notification_id = id
"""
Json = dict[str, Any]


def sealed(stage: Stage, events: Sequence[tuple[str, Event]]) -> None:
    """Appended with versions that count within each stream, as the journal's do."""
    append(stage.url, events)
    stage.do(COUNT)
    stage.seal()


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        events: list[tuple[str, Event]] = [
            (stream, granted(n)) for n in range(4) for stream in (E1, E2)
        ]
        events.insert(5, ("access/1", AccessRefused(E1, 403, "GET", "/", "why")))
        sealed(stage, events)
        yield stage


def verified(stage: Stage, bundle: bytes, *known: Checkpoint) -> Proven:
    verdict = Verdict(stage.vkeys, is_signed, known)
    for line in bundle.splitlines(keepends=True):
        verdict.line(line)
    return verdict.proven()


def is_found(stage: Stage, bundle: bytes) -> bool:
    try:
        verified(stage, bundle)
    except (Tampered, Unreadable):
        return True
    return False


def lines_of(bundle: bytes) -> list[Json]:
    return [msgspec.json.decode(line) for line in bundle.splitlines()]


def positions(bundle: bytes) -> Sequence[int]:
    return [line["position"] for line in lines_of(bundle)[1:-1]]


def ended_anew(lines: Sequence[bytes], events: int | None = None) -> bytes:
    """By somebody who knows how: with a count and a hash that are right."""
    body = b"".join(lines)
    count = len(lines) - 1 if events is None else events
    digest = hashlib.sha256(body).hexdigest()
    return body + b'{"type":"end","events":%d,"sha256":"%s"}\n' % (
        count,
        digest.encode(),
    )


def test_everything_is_proven_to_be_all(stage: Stage) -> None:
    bundle = stage.bundle()
    proven = verified(stage, bundle, stage.checkpoint())
    assert (proven.events, proven.checkpoint) == (9, stage.checkpoint())
    assert positions(bundle) == [*range(1, 10)]
    line = lines_of(bundle)[1]
    assert line["event"]["event"]["type"] == "lock.granted"
    assert positions(stage.bundle(first=3, last=5)) == [3, 4, 5]
    assert verified(stage, stage.bundle(first=3, last=5)).events == 3


def test_of_an_environment_there_is_all_about_it(stage: Stage) -> None:
    bundle = stage.bundle(environment=E1)
    assert positions(bundle) == [1, 3, 5, 6, 8]
    assert verified(stage, bundle).streams == {E1: 4}


def test_of_a_repository_there_is_all_of_it(own_journal_url: str) -> None:
    shop, other = "acme/Shop", "acme/other"
    registered = [
        (environment, EnvironmentRegistered(repository, "uat", Category.TEST))
        for environment, repository in ((E1, shop), (E2, other))
    ]
    with sealing_stage(own_journal_url) as stage:
        projects = [
            (stream_of(one), ProjectRegistered(one, "", "other"))
            for one in (shop, other)
        ]
        locks = [(stream, granted(n)) for n in range(4) for stream in (E1, E2)]
        sealed(stage, [*projects, *registered, *locks])
        bundle = stage.bundle(repository="acme/shop")
        assert positions(bundle) == [1, 3, 5, 7, 9, 11]
        assert verified(stage, bundle).streams == {stream_of(shop): 1, E1: 5}
        lines = bundle.splitlines(keepends=True)[:-1]
        with pytest.raises(Tampered, match="removed: version 2 of"):
            verified(stage, ended_anew([*lines[:3], *lines[4:]]))
        foreign = stage.bundle(repository=other).splitlines(keepends=True)[1:-1]
        with pytest.raises(Tampered, match="position 2 is not of the repository"):
            verified(stage, ended_anew([lines[0], *foreign]))


def test_it_takes_many_pieces_as_well_as_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, of_one = stage.bundle(), stage.bundle(environment=E1)
    monkeypatch.setattr(export, "SCAN_MAX", 2)
    assert (stage.bundle(), stage.bundle(environment=E1)) == (whole, of_one)
    monkeypatch.setattr(export, "SCAN_MAX", 100)
    monkeypatch.setattr(export, "FOUND_MAX", 2)
    assert (stage.bundle(), stage.bundle(environment=E1)) == (whole, of_one)


def test_an_earlier_checkpoint_is_proven_to_be_its_beginning(stage: Stage) -> None:
    append(stage.url, story(5))
    stage.seal()
    bundle = stage.bundle(earlier=9)
    proven = verified(stage, bundle, stage.checkpoint(9))
    assert proven.earlier == stage.checkpoint(9)
    forked = Checkpoint(proven.checkpoint.origin, 9, bytes(32))
    with pytest.raises(Tampered, match="forked: two histories of 9 events"):
        verified(stage, bundle, forked)
    header, *rest = bundle.splitlines(keepends=True)
    told = msgspec.json.decode(header)
    told["earlier"]["proof"] = told["earlier"]["proof"][::-1]
    altered = [msgspec.json.encode(told) + b"\n", *rest[:-1]]
    with pytest.raises(Tampered, match="forked: the history of 14 events does not go"):
        verified(stage, ended_anew(altered))


def test_another_history_of_the_same_length_is_a_fork(stage: Stage) -> None:
    kept = stage.checkpoint()
    other = Checkpoint(kept.origin, kept.size, bytes(32))
    with pytest.raises(Tampered, match="forked: two histories of 9 events"):
        verified(stage, stage.bundle(), other)
    with pytest.raises(Tampered, match="is of another"):
        verified(stage, stage.bundle(), Checkpoint("another", 3, bytes(32)))


def test_what_is_not_there_is_refused(stage: Stage) -> None:
    for question, refusal, field in (
        ({"last": 10}, Invalid, "to"),
        ({"first": 10}, Invalid, "from"),
        ({"first": 5, "last": 4}, Invalid, "from"),
        ({"earlier": 10}, Invalid, "earlier"),
        ({"earlier": 3}, NotFound, None),
        ({"environment": "unknown"}, EnvironmentNotFound, None),
        ({"repository": "acme/unknown"}, ProjectNotFound, None),
    ):
        with pytest.raises(refusal) as error:
            stage.bundle(**question)
        assert getattr(error.value, "field", None) == field
    stage.do("TRUNCATE log_checkpoint")
    with pytest.raises(NotFound, match="nothing has been sealed yet"):
        stage.bundle()


def test_a_key_of_somebody_else_proves_nothing(stage: Stage) -> None:
    stranger = public_half(new_private_key(), stage.checkpoint().origin)
    verdict = Verdict([stranger], is_signed)
    with pytest.raises(Tampered, match="signed by none of the keys"):
        verdict.line(stage.bundle().splitlines(keepends=True)[0])


def test_cut_off_at_any_byte_it_is_found(stage: Stage) -> None:
    bundle = stage.bundle(environment=E1)
    assert not is_found(stage, bundle)
    assert all(is_found(stage, bundle[:end]) for end in range(len(bundle)))


def test_with_any_byte_altered_it_is_found(stage: Stage) -> None:
    bundle, chance = stage.bundle(earlier=9), random.Random(1)
    places = chance.sample(range(len(bundle)), min(MUTATIONS, len(bundle)))
    for place in places:
        other = bytes([bundle[place] ^ (1 << chance.randrange(8))])
        assert is_found(stage, bundle[:place] + other + bundle[place + 1 :]), place


def test_with_bytes_added_or_left_out_it_is_found(stage: Stage) -> None:
    bundle, chance = stage.bundle(environment=E1), random.Random(2)
    for _ in range(MUTATIONS // 2):
        place = chance.randrange(len(bundle))
        assert is_found(stage, bundle[:place] + bundle[place + 1 :])
        added = chance.choice([b" ", b"\n", b"0", b"\r", b"\t"])
        assert is_found(stage, bundle[:place] + added + bundle[place:])
    assert is_found(stage, bundle + b"\n")
    assert is_found(stage, bundle + bundle)


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
