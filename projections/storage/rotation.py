"""Puts every data key under the version that encrypts now, while Berth serves.

One row at a time, each by itself and only if it is still what was read: so it can be
stopped, run again, and run twice at once, and a credential that is replaced or erased
meanwhile stays so. The secrets are not touched, nor even read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection, OperationalError

from domain.errors import JournalUnavailable, VaultClosed
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.vault import unwrap, wrap

BATCH = 200

NEXT: LiteralString = """
SELECT id, key_version, wrapped_key FROM credential
WHERE key_version <> %(version)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
REWRAP: LiteralString = """
UPDATE credential SET key_version = %(version)s, wrapped_key = %(wrapped)s
WHERE id = %(id)s AND key_version = %(was_version)s AND wrapped_key = %(was_wrapped)s
"""
Progress = Callable[[int], None]


class Rotated(Struct):
    """`left` says why each of the others could not be put under another key."""

    number: int
    left: Sequence[str]


def rotate(url: str, keys: Keyring, on_progress: Progress) -> Rotated:
    """Go through all until a whole pass finds nothing to do.

    `JournalUnavailable` if the database did not answer: run it again.
    """
    database = Database(url, name="berth-vault-rotate")
    try:
        with database.connect() as connection:
            rotated = Rotated(0, [])
            while (done := _pass(connection, keys, rotated, on_progress)).number:
                rotated = Rotated(rotated.number + done.number, done.left)
            return Rotated(rotated.number, done.left)
    except OperationalError as error:
        raise JournalUnavailable("the database did not answer") from error
    finally:
        database.close()


def _pass(
    connection: Connection[Any], keys: Keyring, before: Rotated, on_progress: Progress
) -> Rotated:
    number, left, after = 0, [], ""
    while rows := _next(connection, keys, after):
        for row in rows:
            try:
                number += _rewrap(connection, keys, row)
            except VaultClosed as error:
                left.append(str(error))
        after = rows[-1]["id"]
        on_progress(before.number + number)
    return Rotated(number, left)


def _next(
    connection: Connection[Any], keys: Keyring, after: str
) -> Sequence[Mapping[str, Any]]:
    values = {"version": keys.version, "after": after, "limit": BATCH}
    return connection.execute(NEXT, values).fetchall()


def _rewrap(connection: Connection[Any], keys: Keyring, row: Mapping[str, Any]) -> int:
    data_key = unwrap(keys, row["id"], row["key_version"], row["wrapped_key"])
    values = {
        "id": row["id"],
        "version": keys.version,
        "wrapped": wrap(keys, row["id"], data_key),
        "was_version": row["key_version"],
        "was_wrapped": row["wrapped_key"],
    }
    return connection.execute(REWRAP, values).rowcount
