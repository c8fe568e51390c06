"""What is hashed of an event can be told apart from any other's."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from domain.seal.leaf import Leaf

numbers = st.integers(-(2**63), 2**63 - 1)
leaves = st.builds(
    Leaf, numbers, st.text("ab\0é"), numbers, st.text("ab\0é"), st.binary(max_size=9)
)


def test_the_bytes_are_these() -> None:
    """A change of this is another log: nothing that was signed would be right."""
    leaf = Leaf(7, "e-1", 2, "lock.granted", b'{"a":1}')
    assert leaf.encoded() == (
        b"\0\0\0\0\0\0\0\x07"
        b"\0\0\0\x03e-1"
        b"\0\0\0\0\0\0\0\x02"
        b"\0\0\0\x0clock.granted"
        b'\0\0\0\x07{"a":1}'
    )
    assert leaf.hash() == sha256(b"\0" + leaf.encoded()).digest()


@given(leaves, leaves)
def test_two_events_are_never_the_same_bytes(one: Leaf, other: Leaf) -> None:
    assert (one == other) == (one.encoded() == other.encoded())


@given(leaves, st.integers(1, 3))
def test_nothing_can_be_shifted_between_the_fields(leaf: Leaf, by: int) -> None:
    moved = Leaf(
        leaf.position,
        leaf.stream + leaf.topic[:by],
        leaf.version,
        leaf.topic[by:],
        leaf.state,
    )
    assert (moved == leaf) == (moved.hash() == leaf.hash())
