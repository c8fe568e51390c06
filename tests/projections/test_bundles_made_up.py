"""A bundle of true events that was put together otherwise than it says, and ended anew.

Its count and its hash are right: what is wrong is found by what it says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import pytest

from domain.seal.findings import Tampered
from domain.seal.note import signed
from projections.storage.log.signing import new_private_key, public_half
from tests.projections.bundle_stage import (
    E1,
    E2,
    Json,
    bundle_stage,
    ended_anew,
    judged,
    positions,
    verified,
)
from tests.projections.log_stage import Stage
from tests.support.servers import Servers, migrated_database


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    with migrated_database(servers) as url, bundle_stage(url) as stage:
        yield stage


def lines_of(bundle: bytes) -> list[bytes]:
    """All but the end."""
    return bundle.splitlines(keepends=True)[:-1]


def position(line: bytes) -> int:
    found: int = msgspec.json.decode(line)["position"]
    return found


def with_header(bundle: bytes, change: Callable[[Json], None]) -> bytes:
    header, *events = lines_of(bundle)
    told: Json = msgspec.json.decode(header)
    change(told)
    return ended_anew([msgspec.json.encode(told) + b"\n", *events])


def test_a_header_that_is_left_as_it_was_proves_the_same(stage: Stage) -> None:
    same = with_header(stage.bundle(), lambda _: None)
    assert verified(stage, same) == verified(stage, stage.bundle())


STRANGER = public_half(new_private_key(), "another.log/1").vkey


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda h: h.update(size=8), "the header is not of the checkpoint"),
        (lambda h: h.update(origin="x"), "the header is not of the checkpoint"),
        (lambda h: h["keys"].append(STRANGER), "keys of another log"),
        (lambda h: h["asked"].update({"from": 0}), "beyond the checkpoint"),
        (lambda h: h["asked"].update(to=10), "beyond the checkpoint"),
        (lambda h: h["asked"].update(to=8), "position 9 was not asked for"),
        (lambda h: h["asked"].update({"from": 2}), "position 1 was not asked for"),
    ],
)
def test_a_header_that_tells_of_something_else_is_found(
    stage: Stage, change: Callable[[Json], None], named: str
) -> None:
    with pytest.raises(Tampered, match=named):
        verified(stage, with_header(stage.bundle(), change))


def test_a_checkpoint_is_of_the_log_whose_key_has_signed_it(stage: Stage) -> None:
    private = new_private_key()
    key = public_half(private, "another.log/1")
    note = signed(stage.checkpoint().text, [(key, private.sign)])
    bundle = with_header(stage.bundle(), lambda h: h.update(checkpoint=note))
    with pytest.raises(Tampered, match="of another log than its key"):
        judged([key], bundle)


def test_what_is_about_another_environment_is_not_passed_off_as_asked_for(
    stage: Stage,
) -> None:
    header, *own = lines_of(stage.bundle(environment=E1))
    _, *foreign = lines_of(stage.bundle(environment=E2))
    both = sorted([*own, *foreign], key=position)
    with pytest.raises(Tampered, match="position 2 is not about the environment"):
        verified(stage, ended_anew([header, *dict.fromkeys(both)]))


def test_nothing_comes_after_the_end(stage: Stage) -> None:
    bundle = stage.bundle()
    for more in bundle.splitlines(keepends=True):
        with pytest.raises(Tampered, match="more after the end"):
            verified(stage, bundle + more)


def test_from_a_later_position_on_nothing_in_between_may_be_missing(
    stage: Stage,
) -> None:
    bundle = stage.bundle(environment=E1, first=3)
    assert positions(bundle) == [3, 5, 6, 8]
    assert verified(stage, bundle).streams == {E1: 4}
    lines = lines_of(bundle)
    without: Sequence[bytes] = [*lines[:2], *lines[3:]]
    with pytest.raises(Tampered, match="removed: version 3 of"):
        verified(stage, ended_anew(without))
    nothing = stage.bundle(environment=E1, first=9)
    assert verified(stage, nothing).events == 0
