"""What became of events that are not what was sealed at their position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from domain.seal.leaf import Leaf

# Each is compared with each other, which is enough for what a person has altered.
COMPARED_MAX = 1_000


class Altered(Struct, frozen=True):
    """`sealed` is the hash of what was at `position`; `found`, what is there now."""

    position: int
    sealed: bytes
    found: Leaf | None


def told(altered: Sequence[Altered]) -> Iterator[str]:
    """Each of them, in the order of positions, in words."""
    moved = _moved(altered[:COMPARED_MAX])
    missing: list[int] = []
    for one in altered:
        if one.found is None:
            if missing and one.position != missing[-1] + 1:
                yield _removed(missing)
                missing = []
            missing.append(one.position)
            continue
        if missing:
            yield _removed(missing)
            missing = []
        named = f"the event at position {one.position}"
        of = f"version {one.found.version} of {one.found.stream}"
        if (origin := moved.get(one.position)) is not None:
            yield f"swapped: {named} ({of}) is what was sealed at {origin}"
        else:
            yield f"edited: {named} ({of}) is not what was sealed there"
    if missing:
        yield _removed(missing)


def _removed(positions: Sequence[int]) -> str:
    if len(positions) == 1:
        return f"removed: the event at position {positions[0]}"
    return f"removed: the events at positions {positions[0]} to {positions[-1]}"


def _moved(altered: Sequence[Altered]) -> dict[int, int]:
    """Where what is there now was sealed: all of the event, or only what it says."""
    there = [one for one in altered if one.found is not None]
    moved = {}
    for one in there:
        for other in altered:
            if one is not other and _was_at(one, other):
                moved[one.position] = other.position
    return moved


def _was_at(one: Altered, other: Altered) -> bool:
    assert one.found is not None
    if replace(one.found, position=other.position).hash() == other.sealed:
        return True
    if other.found is None:
        return False
    says = replace(other.found, state=one.found.state)
    with_topic = replace(says, topic=one.found.topic)
    return other.sealed in {says.hash(), with_topic.hash()}
