"""Reads the tree as it is kept: hashes of nodes, proofs, and its right edge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from psycopg import Cursor

from domain.seal.tiles import Edge, Tile, edge_tiles, node_in, split, tile_of
from domain.seal.tree import (
    Node,
    Range,
    consistency,
    inclusion,
    nodes_of,
    range_hash,
    root_of,
)

# Of each 8 KiB at most; of the nodes, 32 bytes.
TILES_MAX = 256
NODES_MAX = 20_000
FIND: LiteralString = """
SELECT level, number, hashes FROM log_tile
JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, number)
    USING (level, number)
"""


class TilesDamaged(LookupError):
    """A tile is missing or too short, which Berth itself never leaves so."""


class Tiles:
    """For one piece of work on the tree: what it has read, it remembers."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor
        self._tiles: dict[Tile, bytes] = {}
        self._nodes: dict[Node, bytes] = {}

    def use(self, cursor: Cursor[Any]) -> None:
        """From now on, read with this one."""
        self._cursor = cursor

    def inclusion(self, position: int, size: int) -> Sequence[bytes]:
        """The proof that the event at `position` is in the tree of `size`."""
        return self._proof(inclusion(position - 1, size))

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        """The proof that the tree of `size` goes on from that of `old`."""
        return self._proof(consistency(old, size))

    def leaf(self, position: int) -> bytes:
        """What was sealed at `position`."""
        node = Node(0, position - 1)
        self._load([node])
        return self._hash_of(node)

    def root(self, size: int) -> bytes:
        nodes = [*nodes_of(Range(0, size))]
        self._load(nodes)
        return root_of([self._hash_of(node) for node in nodes])

    def edge(self, size: int) -> Edge:
        """Where a tree of `size` goes on."""
        edge = edge_tiles(size)
        self._read([tile for tile, count in edge if count])
        return Edge(size, [self._first(tile, count) for tile, count in edge])

    def _first(self, tile: Tile, count: int) -> Sequence[bytes]:
        hashes = split(self._tile(tile))[:count] if count else ()
        if len(hashes) < count:
            raise TilesDamaged(f"tile {tile.number} of level {tile.level} is too short")
        return hashes

    def _proof(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        self._load(node for part in ranges for node in nodes_of(part))
        return [range_hash(part, self._hash_of) for part in ranges]

    def _load(self, nodes: Iterable[Node]) -> None:
        """The tiles of those that are not known."""
        if len(self._nodes) > NODES_MAX:
            self._nodes.clear()
        if len(self._tiles) > TILES_MAX:
            self._tiles.clear()
        unknown = {tile_of(node) for node in nodes if node not in self._nodes}
        self._read([tile for tile in unknown if tile not in self._tiles])

    def _read(self, tiles: Sequence[Tile]) -> None:
        if tiles:
            columns = [[*column] for column in zip(*tiles, strict=True)]
            for row in self._cursor.execute(FIND, columns):
                self._tiles[Tile(row["level"], row["number"])] = row["hashes"]

    def _hash_of(self, node: Node) -> bytes:
        if (found := self._nodes.get(node)) is None:
            try:
                found = node_in(self._tile(tile_of(node)), node)
            except LookupError as error:
                raise TilesDamaged(str(error)) from None
            self._nodes[node] = found
        return found

    def _tile(self, tile: Tile) -> bytes:
        try:
            return self._tiles[tile]
        except KeyError:
            where = f"tile {tile.number} of level {tile.level}"
            raise TilesDamaged(f"{where} is missing") from None
