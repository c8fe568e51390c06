"""What is told of the seal: checkpoints, proofs, and whether it contradicts others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from msgspec import Struct
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import Invalid, JournalUnavailable, NotFound
from domain.seal.note import Checkpoint
from projections.storage.database import Database
from projections.storage.log.export import Bundle
from projections.storage.log.newest import NEWEST, NOTHING
from projections.storage.log.selection import Question
from projections.storage.log.tiles import Tiles, TilesDamaged
from projections.storage.threads import in_thread

R = TypeVar("R")
FROM_ON: LiteralString = """
SELECT log.origin, size, root, note, sealed_at FROM log_checkpoint, log
WHERE size >= %s ORDER BY size LIMIT 1
"""
REFUSED: LiteralString = "SELECT refused_because FROM log"


class Sealed(Struct, frozen=True):
    """A checkpoint as it was signed."""

    checkpoint: Checkpoint
    note: str
    sealed_at: datetime


class Proof(Struct, frozen=True):
    """`root` is that of the tree of `size`; `leaf`, the hash of the event, if of one.

    `note` is the checkpoint of that size, if one was signed.
    """

    size: int
    root: bytes
    proof: Sequence[bytes]
    leaf: bytes = b""
    note: str | None = None


class Log:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> Sealed | None:
        """None until the first checkpoint."""
        return await self._ask(_newest)

    async def checkpoint(self, size: int | None) -> Sealed:
        """That of `size`, or the newest. `NotFound` where none was signed.

        `Invalid` if that size is not reached yet.
        """
        return await self._ask(_checkpoint, size)

    async def inclusion(self, position: int, size: int | None) -> Proof:
        """That the event at `position` is among the first `size`; default, all sealed.

        `Invalid` if either is beyond what is sealed.
        """
        return await self._ask(_inclusion, position, size)

    async def consistency(self, old: int, size: int | None) -> Proof:
        """That the first `size` events go on from the first `old`."""
        return await self._ask(_consistency, old, size)

    async def contradiction(self, known: Checkpoint) -> str | None:
        """Why `known` and what is sealed here cannot both be true; None if they can."""
        return await self._ask(_contradiction, known)

    async def bundle(self, question: Question) -> Bundle:
        """Ready to be gone through; refuses as `Bundle` does."""
        return await in_thread(self._bundle, question)

    async def refusal(self) -> str | None:
        """Why nothing is signed any more; None if all is well."""
        return await self._ask(_refusal)

    async def _ask(self, function: Callable[..., R], *values: Any) -> R:
        return await in_thread(self._asked, function, values)

    def _bundle(self, question: Question) -> Bundle:
        try:
            return Bundle(self._database, question)
        except TilesDamaged as error:
            raise JournalUnavailable(f"the log is damaged: {error}") from error

    def _asked(self, function: Callable[..., R], values: Sequence[Any]) -> R:
        """At one moment of the database."""
        with self._database.transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return function(cursor, *values)
            except TilesDamaged as error:
                raise JournalUnavailable(f"the log is damaged: {error}") from error


def _newest(cursor: Cursor[DictRow]) -> Sealed | None:
    row = cursor.execute(NEWEST).fetchone()
    return _sealed(row) if row else None


def _checkpoint(cursor: Cursor[DictRow], size: int | None) -> Sealed:
    newest = _reached(cursor)
    if size is None:
        return newest
    _check_reached(size, newest, "size")
    row = cursor.execute(FROM_ON, [size]).fetchone()
    found = _sealed(row) if row else newest
    if found.checkpoint.size != size:
        raise NotFound(
            f"there is no checkpoint of {size} events; the next one is of"
            f" {found.checkpoint.size}"
        )
    return found


def _inclusion(cursor: Cursor[DictRow], position: int, size: int | None) -> Proof:
    newest = _reached(cursor)
    size = newest.checkpoint.size if size is None else size
    _check_reached(size, newest, "size")
    if position > size:
        raise Invalid(
            f"position {position} is beyond the size {size}", field="position"
        )
    tiles = Tiles(cursor)
    proof, leaf = tiles.inclusion(position, size), tiles.leaf(position)
    return Proof(size, tiles.root(size), proof, leaf, _note_of(cursor, size))


def _consistency(cursor: Cursor[DictRow], old: int, size: int | None) -> Proof:
    newest = _reached(cursor)
    size = newest.checkpoint.size if size is None else size
    _check_reached(size, newest, "to")
    if old > size:
        raise Invalid(f"from is {old}, and to is only {size}", field="from")
    tiles = Tiles(cursor)
    proof = tiles.consistency(old, size)
    return Proof(size, tiles.root(size), proof, note=_note_of(cursor, size))


def _contradiction(cursor: Cursor[DictRow], known: Checkpoint) -> str | None:
    newest = _newest(cursor)
    size = newest.checkpoint.size if newest else 0
    if known.size > size:
        return f"{known.size} events were sealed, and here are only {size}"
    if known.size and Tiles(cursor).root(known.size) != known.root:
        return f"another history of {known.size} events was sealed"
    return None


def _refusal(cursor: Cursor[DictRow]) -> str | None:
    row = cursor.execute(REFUSED).fetchone()
    return row["refused_because"] if row else None


def _reached(cursor: Cursor[DictRow]) -> Sealed:
    newest = _newest(cursor)
    if newest is None:
        raise NotFound(NOTHING)
    return newest


def _check_reached(size: int, newest: Sealed, field: str) -> None:
    reached = newest.checkpoint.size
    if size > reached:
        raise Invalid(
            f"{field} is {size}, but only {reached} events are sealed", field=field
        )


def _note_of(cursor: Cursor[DictRow], size: int) -> str | None:
    row = cursor.execute(FROM_ON, [size]).fetchone()
    return row["note"] if row and row["size"] == size else None


def _sealed(row: DictRow) -> Sealed:
    checkpoint = Checkpoint(row["origin"], row["size"], row["root"])
    return Sealed(checkpoint, row["note"], row["sealed_at"])
