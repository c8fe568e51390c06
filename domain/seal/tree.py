"""The Merkle tree of RFC 6962: its hash, and the proofs that it allows.

A node is named by its level, 0 for leaves, and its number from the left. A range is of
leaves, from the first one up to the one before its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

NODE = b"\1"
EMPTY = sha256(b"").digest()
HASH_BYTES = 32


class Node(NamedTuple):
    """The root of a full subtree of 2 ** `level` leaves."""

    level: int
    number: int


class Range(NamedTuple):
    first: int
    end: int


HashOf = Callable[[Node], bytes]


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962, section 2.1: SHA-256, 32 bytes."""
    return sha256(NODE + left + right).digest()


def full_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash over 2 ** n hashes that stand side by side."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(NODE + left + right).digest() for left, right in pairs]
    return hashes[0]


def root_of(peaks: Sequence[bytes]) -> bytes:
    """Of the full subtrees that make up a tree, from the largest to the smallest."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peaks_of(hashes: Sequence[bytes]) -> Iterator[bytes]:
    """The hashes of the full subtrees over these, the largest first."""
    first = 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            yield full_hash(hashes[first : first + (1 << bit)])
            first += 1 << bit


def nodes_of(part: Range) -> Iterator[Node]:
    """The full subtrees of a range that proofs are made of, the largest first."""
    first, length = part.first, part.end - part.first
    for bit in reversed(range(length.bit_length())):
        if length >> bit & 1:
            yield Node(bit, first >> bit)
            first += 1 << bit


def range_hash(part: Range, hash_of: HashOf) -> bytes:
    """RFC 6962's MTH of the range, from the hashes of full subtrees."""
    return root_of([hash_of(node) for node in nodes_of(part)])


def inclusion(index: int, size: int) -> Sequence[Range]:
    """What proves that leaf `index` is in a tree of `size`: RFC 6962, 2.1.1."""
    first, end = 0, size
    path: list[Range] = []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            path.append(Range(middle, end))
            end = middle
        else:
            path.append(Range(first, middle))
            first = middle
    return path[::-1]


def consistency(old: int, size: int) -> Sequence[Range]:
    """What proves that a tree of `old` >= 1 leaves was added to: RFC 6962, 2.1.2."""
    first, end, is_whole = 0, size, True
    path: list[Range] = []
    while old < end:
        middle = first + _split(end - first)
        if old <= middle:
            path.append(Range(middle, end))
            end = middle
        else:
            path.append(Range(first, middle))
            first, is_whole = middle, False
    if not is_whole:
        path.append(Range(first, end))
    return path[::-1]


def is_included(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether `proof` proves it, by RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    left, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if left & 1 or left == last:
            found = node_hash(part, found)
            while left and not left & 1:
                left, last = left >> 1, last >> 1
        else:
            found = node_hash(found, part)
        left, last = left >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` proves that the old tree was added to: RFC 9162, 2.1.4.2."""
    if not 1 <= old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old & (old - 1) == 0 else [*proof]
    if not path:
        return False
    left, last = old - 1, size - 1
    while left & 1:
        left, last = left >> 1, last >> 1
    found_old = found = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if left & 1 or left == last:
            found_old, found = node_hash(part, found_old), node_hash(part, found)
            while left and not left & 1:
                left, last = left >> 1, last >> 1
        else:
            found = node_hash(found, part)
        left, last = left >> 1, last >> 1
    return last == 0 and found_old == old_root and found == root


def _split(length: int) -> int:
    """The largest power of two below `length` > 1."""
    return 1 << (length - 1).bit_length() - 1
