"""A bundle proves what it should, and says no more than that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString

import msgspec
import pytest

from domain.environment.events import Category, EnvironmentRegistered
from domain.errors import EnvironmentNotFound, Invalid, NotFound, ProjectNotFound
from domain.event import Event
from domain.project import stream_of
from domain.project_events import ProjectRegistered
from domain.seal.findings import Tampered
from domain.seal.note import Checkpoint
from domain.seal.verdict import Verdict
from projections.storage.log import selection
from projections.storage.log.signing import is_signed, new_private_key, public_half
from tests.projections.bundle_stage import (
    COUNT,
    E1,
    E2,
    bundle_stage,
    ended_anew,
    lines_of,
    positions,
    sealed,
    verified,
)
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import granted, story

NEWER: LiteralString = """
UPDATE berth_events SET topic = 'lock.teleported', state = convert_to(
    replace(convert_from(state, 'UTF8'), 'lock.granted', 'lock.teleported'), 'UTF8'
) WHERE notification_id = ANY(%s)
"""


def project(name: str) -> Sequence[tuple[str, Event]]:
    return [(stream_of(name), ProjectRegistered(name, "", "other"))]


def environment(stream: str, repository: str) -> Sequence[tuple[str, Event]]:
    return [(stream, EnvironmentRegistered(repository, "uat", Category.TEST))]


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with bundle_stage(own_journal_url) as stage:
        yield stage


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
    registered = [*environment(E1, shop), *environment(E2, other)]
    with sealing_stage(own_journal_url) as stage:
        locks = [(stream, granted(n)) for n in range(4) for stream in (E1, E2)]
        sealed(stage, [*project(shop), *project(other), *registered, *locks])
        bundle = stage.bundle(repository="acme/shop")
        assert positions(bundle) == [1, 3, 5, 7, 9, 11]
        assert verified(stage, bundle).streams == {stream_of(shop): 1, E1: 5}
        lines = bundle.splitlines(keepends=True)[:-1]
        with pytest.raises(Tampered, match="removed: version 2 of"):
            verified(stage, ended_anew([*lines[:3], *lines[4:]]))
        foreign = stage.bundle(repository=other).splitlines(keepends=True)[1:-1]
        with pytest.raises(Tampered, match="position 2 is not of the repository"):
            verified(stage, ended_anew([lines[0], *foreign]))


@pytest.mark.parametrize("name", ['acme/"shop"', "acme\\shop", "acme/lädchen"])
def test_a_repository_is_known_by_whatever_name_it_has(
    own_journal_url: str, name: str
) -> None:
    with sealing_stage(own_journal_url) as stage:
        sealed(stage, [*project(name), *environment(E1, name)])
        bundle = stage.bundle(repository=name)
        assert verified(stage, bundle).streams == {stream_of(name): 1, E1: 1}


def test_what_only_a_newer_version_can_read_is_of_its_stream_s_repository(
    own_journal_url: str,
) -> None:
    shop, other = "acme/shop", "acme/other"
    with sealing_stage(own_journal_url) as stage:
        append(own_journal_url, [*project(shop), *project(other)])
        append(own_journal_url, [*environment(E1, shop), *environment(E2, other)])
        append(own_journal_url, [(E1, granted(1)), (E2, granted(1)), (E1, granted(2))])
        stage.do(COUNT)
        stage.do(NEWER, [5, 6])
        stage.seal()
        bundle = stage.bundle(repository=shop)
        assert positions(bundle) == [1, 3, 5, 7]
        assert verified(stage, bundle).streams == {stream_of(shop): 1, E1: 3}
        lines = bundle.splitlines(keepends=True)[:-1]
        with pytest.raises(Tampered, match="removed: version 2 of"):
            verified(stage, ended_anew([*lines[:3], *lines[4:]]))
        assert positions(stage.bundle(repository=other)) == [2, 4, 6]


def test_it_takes_many_pieces_as_well_as_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, of_one = stage.bundle(), stage.bundle(environment=E1)
    monkeypatch.setattr(selection, "SCAN_MAX", 2)
    assert (stage.bundle(), stage.bundle(environment=E1)) == (whole, of_one)
    monkeypatch.setattr(selection, "SCAN_MAX", 100)
    monkeypatch.setattr(selection, "FOUND_MAX", 2)
    assert (stage.bundle(), stage.bundle(environment=E1)) == (whole, of_one)


def test_an_earlier_checkpoint_is_proven_to_be_its_beginning(stage: Stage) -> None:
    append(stage.url, story(5))
    stage.seal()
    bundle = stage.bundle(earlier=9)
    proven = verified(stage, bundle, stage.checkpoint(9), stage.checkpoint())
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
