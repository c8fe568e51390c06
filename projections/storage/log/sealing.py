"""Puts what is new in the journal under seal: into the tree, and signed.

Nothing is signed that does not go on from what was: then it is on record why, until the
journal is again as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

from msgspec import Struct
from psycopg import Connection, Error
from psycopg.rows import DictRow

from domain.seal.leaf import Leaf
from domain.seal.note import Checkpoint, Key, Sign, signed
from domain.seal.tiles import WIDTH, Edge
from domain.seal.tree import EMPTY
from projections.storage.database import Database
from projections.storage.log.rows import all_leaves, read_leaves
from projections.storage.log.tiles import Tiles, TilesDamaged
from projections.storage.migrate import ADVISORY_LOCK
from projections.storage.tail import SILENCE_MS, TAKE

NAME = "sealer"
BATCH_MAX = 5_000
APART_EVENTS_MAX = 1_000
# With a look every half second, no event waits for 10 s.
APART_SECONDS = 9.0

STANDING: LiteralString = """
SELECT log.origin, last.size, last.root,
    extract(epoch FROM clock_timestamp() - last.sealed_at)::float8 AS seconds,
    coalesce((
        SELECT notification_id FROM berth_events
        ORDER BY notification_id DESC LIMIT 1
    ), 0) AS tip
FROM log LEFT JOIN LATERAL (
    SELECT size, root, sealed_at FROM log_checkpoint ORDER BY size DESC LIMIT 1
) AS last ON true
"""
GROW: LiteralString = """
INSERT INTO log_tile AS known (level, number, hashes)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
ON CONFLICT (level, number) DO UPDATE SET hashes = known.hashes || excluded.hashes
"""
KEEP: LiteralString = """
INSERT INTO log_checkpoint (size, root, note)
SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::text[])
"""
REFUSE: LiteralString = """
UPDATE log SET refused_because = %(why)s, refused_since =
    CASE WHEN %(why)s::text IS NULL THEN NULL
    ELSE coalesce(refused_since, clock_timestamp()) END
WHERE refused_because IS DISTINCT FROM %(why)s
RETURNING refused_since
"""


class HistoryRefused(Exception):
    """What the journal tells does not go on from what was sealed; how, is told."""


class Standing(Struct, frozen=True):
    """`seconds` is how old the newest checkpoint is; None if there is none.

    Less than 0 once the database's clock has gone back.
    """

    origin: str
    size: int
    root: bytes
    seconds: float | None
    tip: int

    def is_due(self, apart_seconds: float) -> bool:
        news = self.tip - self.size
        is_late = self.seconds is None or not 0 <= self.seconds < apart_seconds
        return news >= APART_EVENTS_MAX or (news > 0 and is_late)


class SealStore:
    """One process at a time seals: the one whose session has the advisory lock."""

    def __init__(
        self, database: Database, *, apart_seconds: float = APART_SECONDS
    ) -> None:
        self._database = database
        self._apart_seconds = apart_seconds
        self._edge: Edge | None = None

    def open(self) -> Connection[DictRow]:
        """A session that PostgreSQL ends when it says nothing for 3 s."""
        connection = self._database.connect()
        connection.execute(f"SET idle_session_timeout = {SILENCE_MS}")
        return connection

    def lead(self, connection: Connection[DictRow]) -> bool:
        found = connection.execute(TAKE, [ADVISORY_LOCK, NAME]).fetchone()
        self._edge = None
        return found is not None and bool(found["taken"])

    def seal(
        self, connection: Connection[DictRow], signers: Sequence[tuple[Key, Sign]]
    ) -> int:
        """Seal what is due, up to `BATCH_MAX`; return how many events.

        `HistoryRefused`, and nothing has changed, if the journal is not what it was.
        """
        try:
            with connection.transaction():
                return self._seal(connection, signers)
        except (Error, HistoryRefused):
            self._edge = None
            raise
        except TilesDamaged as error:
            self._edge = None
            raise HistoryRefused(f"the kept tree is damaged: {error}") from None

    def note_refusal(
        self, connection: Connection[DictRow], why: str | None
    ) -> datetime | None:
        """Have it on record, or that it is over. None if nothing is refused now."""
        row = connection.execute(REFUSE, {"why": why}).fetchone()
        return row["refused_since"] if row else None

    def _seal(
        self, connection: Connection[DictRow], signers: Sequence[tuple[Key, Sign]]
    ) -> int:
        at = _standing(connection)
        if at.tip < at.size:
            raise HistoryRefused(
                f"the journal ends at {at.tip}, and {at.size} events were sealed"
            )
        if self._edge is not None and at.size < self._edge.size:
            self._edge = None  # Whoever was given that is asked first.
            return 0
        if not at.is_due(self._apart_seconds):
            return 0
        edge = self._checked_edge(connection, at)
        leaves = read_leaves(connection, at.size, min(at.tip, at.size + BATCH_MAX))
        checkpoints = []
        for part in _parts(leaves):
            _check_positions(part, edge.size)
            edge.append(leaf.hash() for leaf in part)
            checkpoints.append(Checkpoint(at.origin, edge.size, edge.root()))
        if not checkpoints:
            raise HistoryRefused(f"the event at position {at.size + 1} is missing")
        _keep(connection, edge, checkpoints, signers)
        self._edge = edge
        return edge.size - at.size

    def _checked_edge(self, connection: Connection[DictRow], at: Standing) -> Edge:
        """Where the tree goes on, if it and the journal's end are as they were."""
        is_known = self._edge is not None and self._edge.size == at.size
        with connection.cursor() as cursor:
            tiles = Tiles(cursor)
            edge = self._edge if is_known and self._edge else tiles.edge(at.size)
            if edge.root() != at.root:
                raise HistoryRefused(
                    f"the kept tree of {at.size} events is not that of its checkpoint"
                )
            first = max(0, at.size - (1 if is_known else WIDTH))
            found = {
                leaf.position: leaf.hash()
                for leaf in all_leaves(connection, first, at.size)
            }
            for position in range(first + 1, at.size + 1):
                if found.get(position) != tiles.leaf(position):
                    raise HistoryRefused(
                        f"the event at position {position} is not what was sealed there"
                    )
        return edge


def _standing(connection: Connection[DictRow]) -> Standing:
    row = connection.execute(STANDING, prepare=True).fetchone()
    assert row is not None, "whoever asks for the keys has made it"
    size, root = row["size"] or 0, row["root"] or EMPTY
    return Standing(row["origin"], size, root, row["seconds"], row["tip"])


def _parts(leaves: Sequence[Leaf]) -> Iterable[Sequence[Leaf]]:
    for first in range(0, len(leaves), APART_EVENTS_MAX):
        yield leaves[first : first + APART_EVENTS_MAX]


def _check_positions(leaves: Sequence[Leaf], after: int) -> None:
    """Positions have no gaps."""
    for position, leaf in enumerate(leaves, after + 1):
        if leaf.position != position:
            raise HistoryRefused(f"the event at position {position} is missing")


def _keep(
    connection: Connection[DictRow],
    edge: Edge,
    checkpoints: Sequence[Checkpoint],
    signers: Sequence[tuple[Key, Sign]],
) -> None:
    added = edge.taken()
    tiles = [
        [tile.level for tile in added],
        [tile.number for tile in added],
        [b"".join(hashes) for hashes in added.values()],
    ]
    connection.execute(GROW, tiles)
    notes = [
        [checkpoint.size for checkpoint in checkpoints],
        [checkpoint.root for checkpoint in checkpoints],
        [signed(checkpoint.text, signers) for checkpoint in checkpoints],
    ]
    connection.execute(KEEP, notes)
