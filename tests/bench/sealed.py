"""Puts a journal under seal as fast as that goes, with nobody else at work on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from projections.storage.database import Database
from projections.storage.log.sealing import SealStore
from projections.storage.log.signing import new_private_key, public_half

FORGET = "TRUNCATE log_tile, log_checkpoint"
ORIGIN = "SELECT origin FROM log"


def seal_all(url: str, *, anew: bool = False) -> Iterator[int]:
    """How many events each batch sealed; `anew`, from the first event on.

    The checkpoints are signed by a key that nobody knows: it costs as much.
    """
    with closing(Database(url, name="bench-seal", patient=True)) as database:
        store = SealStore(database, apart_seconds=0)
        with database.connect() as connection:
            if anew:
                connection.execute(FORGET)
            [row] = connection.execute(ORIGIN).fetchall()
            private = new_private_key()
            signers = [(public_half(private, row["origin"]), private.sign)]
            while sealed := store.seal(connection, signers):
                yield sealed
