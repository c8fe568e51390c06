"""The tree and its proofs: published vectors, another implementation, and every lie."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree
from pymerkle.core import _inclusion_path_layout

from domain.seal.leaf import leaf_hash
from domain.seal.tiles import WIDTH, Edge, edge_tiles, node_in, tile_of
from domain.seal.tree import (
    EMPTY,
    Node,
    Range,
    consistency,
    full_hash,
    inclusion,
    is_consistent,
    is_included,
    node_hash,
    nodes_of,
    peaks_of,
    range_hash,
    root_of,
)

# Those of certificate-transparency, which every implementation of RFC 6962 is held to.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
TO_8_FROM_1 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
INCLUSIONS = {
    (0, 8): TO_8_FROM_1,
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCIES: dict[tuple[int, int], list[str]] = {
    (1, 1): [],
    (1, 8): TO_8_FROM_1,
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [leaf_hash(b"%d" % number) for number in range(1_200)]
sizes = st.integers(1, len(LEAVES))


def proof_of(ranges: Any, leaves: list[bytes]) -> list[bytes]:
    def hash_of(node: Node) -> bytes:
        first = node.number << node.level
        return full_hash(leaves[first : first + (1 << node.level)])

    return [range_hash(part, hash_of) for part in ranges]


def root(leaves: list[bytes]) -> bytes:
    return root_of([*peaks_of(leaves)])


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_published(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    assert root(leaves).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_the_inclusion_proofs_are_those_published(index: int, size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    proof = proof_of(inclusion(index, size), leaves)
    assert [part.hex() for part in proof] == INCLUSIONS[index, size]
    assert is_included(leaves[index], index, size, proof, root(leaves[:size]))


@pytest.mark.parametrize(("old", "size"), CONSISTENCIES)
def test_the_consistency_proofs_are_those_published(old: int, size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    proof = proof_of(consistency(old, size), leaves)
    assert [part.hex() for part in proof] == CONSISTENCIES[old, size]
    before, after = root(leaves[:old]), root(leaves[:size])
    assert is_consistent(old, before, size, after, proof)


@pytest.fixture(scope="module")
def other() -> Any:
    """The same leaves, in pymerkle."""
    tree = InmemoryTree()
    tree.append_entries([b"%d" % number for number in range(len(LEAVES))])
    return tree


@given(size=sizes)
def test_another_implementation_comes_to_the_same_roots(other: Any, size: int) -> None:
    assert root(LEAVES[:size]) == other.get_root(size)


@given(data=st.data(), size=sizes)
def test_another_implementation_proves_inclusion_likewise(
    other: Any, data: st.DataObject, size: int
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(inclusion(index, size), LEAVES)
    assert [LEAVES[index], *proof] == other.prove_inclusion(index + 1, size).path
    rule, _ = _inclusion_path_layout(index + 1, size)
    path = [LEAVES[index], *proof]
    theirs = InclusionProof("sha256", True, size, index + 1, rule, path)
    theirs.verify(LEAVES[index], root(LEAVES[:size]), index + 1, size)
    assert is_included(LEAVES[index], index, size, proof, root(LEAVES[:size]))


@given(data=st.data(), size=sizes)
def test_our_proof_of_consistency_goes_from_and_to_the_other_s_roots(
    other: Any, data: st.DataObject, size: int
) -> None:
    """Theirs is of another form than RFC 6962's, so the roots are what is compared."""
    old = data.draw(st.integers(1, size))
    proof = proof_of(consistency(old, size), LEAVES)
    before, after = other.get_root(old), other.get_root(size)
    assert is_consistent(old, before, size, after, proof)
    assert other.prove_consistency(old, size).retrieve_prior_state() == before


@given(data=st.data(), size=sizes)
def test_no_other_leaf_place_size_or_proof_is_included(
    data: st.DataObject, size: int
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, all_of = proof_of(inclusion(index, size), LEAVES), root(LEAVES[:size])
    right = (LEAVES[index], index, size, proof, all_of)
    assert is_included(*right)
    other_index = data.draw(st.integers(-1, size).filter(lambda n: n != index))
    assert not is_included(LEAVES[index], other_index, size, proof, all_of)
    assert not is_included(leaf_hash(b"else"), index, size, proof, all_of)
    assert not is_included(LEAVES[index], index, size, proof, leaf_hash(b"else"))
    assert not is_included(LEAVES[index], index, size, [*proof, EMPTY], all_of)
    for place in range(len(proof)):
        fewer = proof[:place] + proof[place + 1 :]
        assert not is_included(LEAVES[index], index, size, fewer, all_of)
        changed = [*proof[:place], EMPTY, *proof[place + 1 :]]
        assert not is_included(LEAVES[index], index, size, changed, all_of)


@pytest.mark.parametrize("index", [-1, 1, 2])
def test_a_tree_of_one_event_has_no_other_place(index: int) -> None:
    """Its root is that event's own hash, and the proof of it is empty."""
    [leaf] = LEAVES[:1]
    assert is_included(leaf, 0, 1, [], root([leaf]))
    assert not is_included(leaf, index, 1, [], root([leaf]))


def test_a_proof_that_goes_on_above_the_root_proves_nothing() -> None:
    """RFC 9162: what is left of it when the root is reached makes it fail."""
    more, leaves = leaf_hash(b"more"), LEAVES[:5]
    before, after = root(leaves[:3]), root(leaves)
    above = node_hash(more, before), node_hash(more, after)
    included = [*proof_of(inclusion(4, 5), LEAVES), more]
    assert not is_included(LEAVES[4], 4, 5, included, above[1])
    consistent = [*proof_of(consistency(3, 5), LEAVES), more]
    assert not is_consistent(3, above[0], 5, above[1], consistent)


def test_a_proof_that_ends_below_the_root_proves_nothing() -> None:
    before, after = root(LEAVES[:2]), root(LEAVES[:4])
    included = proof_of(inclusion(0, 4), LEAVES)
    assert not is_included(LEAVES[0], 0, 5, included, after)
    consistent = proof_of(consistency(2, 4), LEAVES)
    assert not is_consistent(2, before, 5, after, consistent)


@given(data=st.data(), size=st.integers(2, len(LEAVES)))
def test_nothing_but_a_longer_history_is_consistent(
    data: st.DataObject, size: int
) -> None:
    old = data.draw(st.integers(1, size - 1))
    before, after = root(LEAVES[:old]), root(LEAVES[:size])
    proof = proof_of(consistency(old, size), LEAVES)
    altered = data.draw(st.integers(0, old - 1))
    forked = [*LEAVES[:old]]
    forked[altered] = leaf_hash(b"else")
    assert not is_consistent(old, root(forked), size, after, proof)
    assert not is_consistent(old, before, size, root(forked), proof)
    assert not is_consistent(0, EMPTY, size, after, proof)
    assert not is_consistent(size, before, size, after, [])
    assert not is_consistent(size, after, old, before, proof)
    assert not is_consistent(old, before, size, after, [])
    for place in range(len(proof)):
        changed = [*proof[:place], EMPTY, *proof[place + 1 :]]
        assert not is_consistent(old, before, size, after, changed)


@given(st.lists(st.integers(0, 400), max_size=8), st.integers(0, 5))
def test_the_tree_in_tiles_is_the_same_however_it_grew(
    steps: list[int], anew_every: int
) -> None:
    """And wherever it was read again in between."""
    leaves = [leaf_hash(b"%d" % number) for number in range(sum(steps))]
    tiles: dict[Any, bytes] = {}
    edge, size = Edge(), 0
    for number, step in enumerate(steps):
        edge.append(leaves[size : size + step])
        size += step
        for tile, added in edge.taken().items():
            tiles[tile] = tiles.get(tile, b"") + b"".join(added)
        assert edge.root() == root(leaves[:size])
        if anew_every and number % anew_every == 0:
            read = [
                [tiles[tile][at : at + 32] for at in range(0, count * 32, 32)]
                if count
                else []
                for tile, count in edge_tiles(size)
            ]
            edge = Edge(size, read)
    assert all(len(hashes) <= WIDTH * 32 for hashes in tiles.values())
    for node in nodes_of(Range(0, size)):
        expected = full_hash(leaves[node.number << node.level :][: 1 << node.level])
        assert node_in(tiles[tile_of(node)], node) == expected


def test_a_tree_of_three_tiers_has_its_upper_tiles() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(WIDTH * WIDTH + 3)]
    edge = Edge()
    edge.append(leaves)
    tiles = {tile: b"".join(added) for tile, added in edge.taken().items()}
    assert edge.root() == root(leaves)
    assert len(tiles) == WIDTH + 1 + 1 + 1
    top = Node(16, 0)
    assert node_in(tiles[tile_of(top)], top) == full_hash(leaves[: WIDTH * WIDTH])
    assert [count for _, count in edge_tiles(len(leaves))] == [3, 0, 1]


def test_a_tile_that_is_too_short_has_no_such_node() -> None:
    with pytest.raises(LookupError):
        node_in(LEAVES[0], Node(1, 0))
