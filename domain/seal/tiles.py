"""The tree in tiles of 256 hashes, and its right edge, where it grows.

Tile `number` of a level holds the nodes from `number` * 256 on of every eighth level of
the tree. A full tile never changes; its own hash goes into the tile above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from domain.seal.tree import HASH_BYTES, Node, full_hash, peaks_of, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT


class Tile(NamedTuple):
    """A tile's name."""

    level: int
    number: int


class Edge:
    """The tiles that are not full yet, one for each level, and what was added to any.

    `added` has the hashes to append to each tile since it was last emptied.
    """

    def __init__(self, size: int = 0, tiles: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self.added: dict[Tile, list[bytes]] = {}
        self._tiles = [[*tile] for tile in tiles]

    def append(self, leaves: Iterable[bytes]) -> None:
        """Leaf hashes, in order."""
        for leaf in leaves:
            self._append(0, self.size, leaf)
            self.size += 1

    def root(self) -> bytes:
        """Of the whole tree."""
        peaks = [peak for tile in reversed(self._tiles) for peak in peaks_of(tile)]
        return root_of(peaks)

    def taken(self) -> Mapping[Tile, Sequence[bytes]]:
        """What was added, which is then no longer news."""
        added, self.added = self.added, {}
        return added

    def _append(self, level: int, index: int, found: bytes) -> None:
        if level == len(self._tiles):
            self._tiles.append([])
        tile = self._tiles[level]
        tile.append(found)
        self.added.setdefault(Tile(level, index // WIDTH), []).append(found)
        if len(tile) == WIDTH:
            self._tiles[level] = []
            self._append(level + 1, index // WIDTH, full_hash(tile))


def edge_tiles(size: int) -> Sequence[tuple[Tile, int]]:
    """The tiles at the edge of a tree, from level 0 up, with how many hashes of each.

    Where it is 0, the tile may not be there.
    """
    found, level = [], 0
    while count := size >> HEIGHT * level:
        found.append((Tile(level, count // WIDTH), count % WIDTH))
        level += 1
    return found


def tile_of(node: Node) -> Tile:
    """Where the hashes are from which the node's own is made."""
    level, above = divmod(node.level, HEIGHT)
    return Tile(level, (node.number << above) // WIDTH)


def node_in(tile: bytes, node: Node) -> bytes:
    """The node's hash, from all of the tile that `tile_of` names.

    `LookupError` if the tile is shorter than that.
    """
    above = node.level % HEIGHT
    first = (node.number << above) % WIDTH
    hashes = split(tile)[first : first + (1 << above)]
    if len(hashes) < 1 << above:
        raise LookupError(f"the tile of {node} is too short")
    return full_hash(hashes)


def split(hashes: bytes) -> Sequence[bytes]:
    """The hashes of a tile, one by one."""
    ends = range(0, len(hashes), HASH_BYTES)
    return [hashes[at : at + HASH_BYTES] for at in ends]
