"""Goes through the whole journal again, and names what is not as it was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import LiteralString, NamedTuple

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import DictRow

from domain.errors import JournalUnavailable
from domain.seal.comparison import Altered, told
from domain.seal.findings import Tampered, Unreadable
from domain.seal.leaf import Leaf
from domain.seal.note import Checkpoint, Key, opened
from domain.seal.tiles import WIDTH, Edge, Tile, split
from projections.storage.database import Database
from projections.storage.failures import FAILURES, reason
from projections.storage.log.newest import NEWEST
from projections.storage.log.rows import all_leaves
from projections.storage.log.signing import is_signed

# Whole tiles.
BATCH = 32 * WIDTH
ALTERED_MAX = 10_000
TREE_ALTERED = "the kept tree was altered; the journal is as it was sealed"
TIP: LiteralString = "SELECT coalesce(max(notification_id), 0) AS tip FROM berth_events"
TILES: LiteralString = """
SELECT number, hashes FROM log_tile
WHERE level = %s AND number >= %s AND number < %s ORDER BY number
"""
ABOVE: LiteralString = "SELECT level, number, hashes FROM log_tile WHERE level > 0"
CHECKPOINTS: LiteralString = """
SELECT size, root, note FROM log_checkpoint
WHERE size > %s AND size <= %s ORDER BY size
"""
# Before the first position, or at one that is taken: where nobody reads in order, but
# whoever reads a stream does.
SLIPPED_IN: LiteralString = """
SELECT notification_id AS position, originator_id AS stream,
    originator_version AS version
FROM berth_events
WHERE coalesce(notification_id, 0) < 1 OR notification_id IN (
    SELECT notification_id FROM berth_events GROUP BY 1 HAVING count(*) > 1
)
ORDER BY position, stream, version
LIMIT %s
"""
Progress = Callable[[int, int], None]


class Examined(Struct, frozen=True):
    """`findings` is empty if all is as it was sealed.

    `unsealed` events came after the newest checkpoint: nothing can be said of them.
    """

    size: int
    unsealed: int
    checkpoints: int
    kept: int
    findings: Sequence[str]


def examine(
    url: str,
    keys: Sequence[Key],
    kept: Sequence[Checkpoint],
    on_progress: Progress,
) -> Examined:
    """Compare the journal, the tree, every checkpoint, and those `kept` elsewhere.

    `JournalUnavailable` if the database did not answer, or is another's.
    """
    database = Database(url, name="berth-verify", patient=True)
    try:
        with database.connect() as connection:
            return _Examination(connection, keys, kept).run(on_progress)
    except FAILURES as failure:
        if (why := reason(failure)) is None:
            raise
        raise JournalUnavailable(why) from failure
    finally:
        database.close()


class Leaves(NamedTuple):
    """By position: the hash that was sealed, that of what is there now, if anything is;
    and all of the event where these differ.
    """

    sealed: Mapping[int, bytes]
    actual: Mapping[int, bytes]
    altered: Mapping[int, Leaf]


class _Examination:
    """`sealed` grows from the kept leaves, `actual` from the journal's events."""

    def __init__(
        self,
        connection: Connection[DictRow],
        keys: Sequence[Key],
        kept: Sequence[Checkpoint],
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._kept = sorted(kept, key=lambda checkpoint: checkpoint.size)
        self._sealed, self._actual = Edge(), Edge()
        self._altered: list[Altered] = []
        self._findings: list[str] = []
        self._checkpoints = self._same = 0
        self._is_forked = False
        self._above: dict[Tile, list[bytes]] = {}

    def run(self, on_progress: Progress) -> Examined:
        newest = self._connection.execute(NEWEST).fetchone()
        size = newest["size"] if newest else 0
        [row] = self._connection.execute(TIP).fetchall()
        position = 0
        while position < size:
            upto = min(position + BATCH, size)
            self._go_through(position, upto)
            position = upto
            on_progress(position, size)
        self._find_slipped_in()
        self._compare_above(size)
        self._compare_beyond(size)
        findings = [*told(self._altered), *self._findings]
        unsealed = max(0, row["tip"] - size)
        return Examined(size, unsealed, self._checkpoints, len(self._kept), findings)

    def _go_through(self, after: int, upto: int) -> None:
        leaves = self._leaves(after, upto)
        known = self._connection.execute(CHECKPOINTS, [after, upto]).fetchall()
        at = after
        for checkpoint, is_ours in self._between(after, upto, known):
            self._grow(at, checkpoint.size, leaves)
            at = checkpoint.size
            self._compare(checkpoint, is_ours=is_ours)
        self._grow(at, upto, leaves)
        for tile, added in self._sealed.taken().items():
            if tile.level:
                self._above.setdefault(tile, []).extend(added)
        self._actual.taken()

    def _leaves(self, after: int, upto: int) -> Leaves:
        """One event after the other: together they may be more than fits in memory."""
        sealed = self._sealed_leaves(after, upto)
        actual, altered = {}, {}
        for leaf in all_leaves(self._connection, after, upto):
            actual[leaf.position] = leaf.hash()
            if actual[leaf.position] != sealed[leaf.position]:
                altered[leaf.position] = leaf
        return Leaves(sealed, actual, altered)

    def _sealed_leaves(self, after: int, upto: int) -> Mapping[int, bytes]:
        """What is kept of them; nothing at all, where that was removed."""
        first, end = after // WIDTH, -(-upto // WIDTH)
        rows = self._connection.execute(TILES, [0, first, end]).fetchall()
        kept = {row["number"]: split(row["hashes"]) for row in rows}
        found = {}
        for position in range(after + 1, upto + 1):
            number, place = divmod(position - 1, WIDTH)
            tile = kept.get(number, ())
            found[position] = tile[place] if place < len(tile) else b""
        return found

    def _between(
        self, after: int, upto: int, rows: Sequence[DictRow]
    ) -> Iterator[tuple[Checkpoint, bool]]:
        """Ours and those kept elsewhere, by their size; whether it is one of ours."""
        found = [(one, True) for row in rows if (one := self._read(row))]
        self._checkpoints += len(rows)
        found += [(one, False) for one in self._kept if after < one.size <= upto]
        yield from sorted(found, key=lambda pair: pair[0].size)

    def _read(self, row: DictRow) -> Checkpoint | None:
        try:
            checkpoint, _ = opened(row["note"], self._keys, is_signed)
        except (Tampered, Unreadable) as error:
            self._find(f"the kept checkpoint of {row['size']} events: {error}")
            return None
        if (checkpoint.size, checkpoint.root) != (row["size"], row["root"]):
            self._find(f"the kept checkpoint of {row['size']} events is another's")
            return None
        return checkpoint

    def _grow(self, after: int, upto: int, leaves: Leaves) -> None:
        for position in range(after + 1, upto + 1):
            sealed, actual = leaves.sealed[position], leaves.actual.get(position, b"")
            self._sealed.append([sealed])
            self._actual.append([actual])
            if actual != sealed and len(self._altered) < ALTERED_MAX:
                found = leaves.altered.get(position)
                self._altered.append(Altered(position, sealed, found))

    def _compare(self, checkpoint: Checkpoint, *, is_ours: bool) -> None:
        """Once a history has forked, it is another one for ever."""
        size, is_right = checkpoint.size, self._sealed.root() == checkpoint.root
        if self._is_forked:
            return
        if not is_right and self._actual.root() == checkpoint.root:
            is_right = True
            self._altered = [one for one in self._altered if one.position > size]
            self._find(TREE_ALTERED)
        if is_right:
            self._same = size
            return
        self._is_forked = True
        whose = "the checkpoint" if is_ours else "the checkpoint kept elsewhere"
        self._find(
            f"forked: {whose} of {size} events is of another history, which differs"
            f" from this one at a position from {self._same + 1} to {size}"
        )

    def _find_slipped_in(self) -> None:
        for row in self._connection.execute(SLIPPED_IN, [ALTERED_MAX]).fetchall():
            position, stream, version = row["position"], row["stream"], row["version"]
            where = "no position" if position is None else f"position {position}"
            why = ", where there is another" if position and position > 0 else ""
            self._find(
                f"slipped in: the event at {where} (version {version} of {stream}){why}"
            )

    def _compare_above(self, size: int) -> None:
        if not size or TREE_ALTERED in self._findings:
            return
        rows = self._connection.execute(ABOVE).fetchall()
        kept = {Tile(row["level"], row["number"]): row["hashes"] for row in rows}
        for tile, hashes in self._above.items():
            if not kept.get(tile, b"").startswith(b"".join(hashes)):
                self._find(f"tile {tile.number} of level {tile.level} was altered")

    def _compare_beyond(self, size: int) -> None:
        """The newest of those kept tells it all."""
        newest = self._kept[-1].size if self._kept else 0
        if newest > size:
            self._find(
                f"removed: a checkpoint kept elsewhere is of {newest} events, and only"
                f" {size} are sealed here"
            )

    def _find(self, what: str) -> None:
        """Each once, and not without end."""
        if what not in self._findings and len(self._findings) < ALTERED_MAX:
            self._findings.append(what)
