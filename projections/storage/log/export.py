"""Bundles: the events that somebody asks for, each with the proof that it was sealed.

All lines are of one checkpoint, however the journal grows meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, LiteralString

from domain.errors import Invalid, NotFound, VaultClosed
from domain.seal.bundle import Earlier, End, Header, event_line, line_of
from domain.seal.leaf import Leaf
from projections.storage.database import Database
from projections.storage.log.keys import ALL
from projections.storage.log.newest import NEWEST, NOTHING
from projections.storage.log.selection import Question, Selection, checked
from projections.storage.log.tiles import Tiles
from projections.storage.mapper import shown

EARLIER: LiteralString = "SELECT note FROM log_checkpoint WHERE size = %s"


class Bundle:
    """`lines` may be gone through once."""

    def __init__(self, database: Database, question: Question) -> None:
        """`NotFound` if there is no such thing, or nothing is sealed yet.

        `Invalid` if positions or sizes are asked for that are not reached.
        """
        self._database = database
        with database.transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            newest = cursor.execute(NEWEST).fetchone()
            if newest is None:
                raise NotFound(NOTHING)
            self._size: int = newest["size"]
            self._tiles = Tiles(cursor)
            asked = checked(cursor, question, self._size)
            self.header = Header(
                newest["origin"],
                self._size,
                newest["note"],
                [row["vkey"] for row in cursor.execute(ALL).fetchall()],
                asked,
                self._earlier(cursor, question.earlier),
            )
        self._selection = Selection(database, asked)

    def lines(self) -> Iterator[bytes]:
        """The bundle in pieces of whole lines, of which none is long in coming."""
        digest, events = sha256(), 0
        first = line_of(self.header)
        digest.update(first)
        yield first
        for leaves in self._selection.pieces():
            piece = b"".join(self._lines(leaves))
            events += len(leaves)
            digest.update(piece)
            yield piece
        yield line_of(End(events, digest.hexdigest()))

    def _earlier(self, cursor: Any, size: int | None) -> Earlier | None:
        if size is None:
            return None
        if size > self._size:
            what = f"earlier is {size}, but only {self._size} events are sealed"
            raise Invalid(what, field="earlier")
        row = cursor.execute(EARLIER, [size]).fetchone()
        if row is None:
            raise NotFound(f"there is no checkpoint of {size} events")
        return Earlier(row["note"], self._tiles.consistency(size, self._size))

    def _lines(self, leaves: Sequence[Leaf]) -> Sequence[bytes]:
        with self._database.cursor() as cursor:
            self._tiles.use(cursor)
            return [line_of(self._line(leaf)) for leaf in leaves]

    def _line(self, leaf: Leaf) -> Any:
        proof = self._tiles.inclusion(leaf.position, self._size)
        return event_line(leaf, self._told(leaf.state), proof)

    def _told(self, state: bytes) -> bytes:
        """In cipher remains what cannot be opened here: it was sealed all the same."""
        try:
            return shown(state, self._database.subjects)
        except (VaultClosed, ValueError):
            return state
