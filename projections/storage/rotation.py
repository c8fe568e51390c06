"""Puts every data key under the version that encrypts now, while Berth serves.

One row at a time, each by itself and only if it is still what was read: so it can be
stopped, run again, and run twice at once, and a credential that is replaced or erased
meanwhile, or a person's key that is destroyed, stays so. What was encrypted with the
data keys is not touched, nor even read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from msgspec import Struct
from psycopg import Connection, OperationalError

from domain.errors import JournalUnavailable, VaultClosed
from projections.storage.database import Database
from projections.storage.failures import SILENT
from projections.storage.keyring import Keyring
from projections.storage.subject_keys import wrapped_for
from projections.storage.vault import unwrap, wrap

BATCH = 200

Progress = Callable[[int], None]


class Kept(NamedTuple):
    """A table of wrapped keys: how to go through it, and what each is bound to."""

    first: Any
    next: LiteralString
    rewrap: LiteralString
    bound_to: Callable[[Any], str]


CREDENTIALS = Kept(
    "",
    """
    SELECT id, id AS bound, key_version, wrapped_key FROM credential
    WHERE key_version <> %(version)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
    """,
    """
    UPDATE credential SET key_version = %(version)s, wrapped_key = %(wrapped)s
    WHERE id = %(id)s AND key_version = %(was_version)s
        AND wrapped_key = %(was_wrapped)s
    """,
    str,
)
SUBJECTS = Kept(
    0,
    """
    SELECT id, digest AS bound, key_version, wrapped_key FROM subject_key
    WHERE key_version <> %(version)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
    """,
    """
    UPDATE subject_key SET key_version = %(version)s, wrapped_key = %(wrapped)s
    WHERE id = %(id)s AND key_version = %(was_version)s
        AND wrapped_key = %(was_wrapped)s
    """,
    wrapped_for,
)


class Rotated(Struct):
    """So many keys; `left` says why each of the others could not be put under another.

    `credentials` are those of secrets, `subjects` those of people.
    """

    credentials: int
    subjects: int
    left: Sequence[str]

    @property
    def number(self) -> int:
        return self.credentials + self.subjects


def rotate(url: str, keys: Keyring, on_progress: Progress) -> Rotated:
    """Go through all until a whole pass finds nothing to do.

    `JournalUnavailable` if the database did not answer: run it again.
    """
    database = Database(url, name="berth-vault-rotate")
    try:
        with database.connect() as connection:
            rotated = Rotated(0, 0, [])
            while (done := _pass(connection, keys, rotated, on_progress)).number:
                rotated = _sum(rotated, done)
            return _sum(rotated, done)
    except OperationalError as error:
        raise JournalUnavailable(SILENT) from error
    finally:
        database.close()


def _sum(before: Rotated, done: Rotated) -> Rotated:
    credentials = before.credentials + done.credentials
    return Rotated(credentials, before.subjects + done.subjects, done.left)


def _pass(
    connection: Connection[Any], keys: Keyring, before: Rotated, on_progress: Progress
) -> Rotated:
    done, left = [0, 0], list[str]()
    for which, kept in enumerate((CREDENTIALS, SUBJECTS)):
        after = kept.first
        while rows := _next(connection, keys, kept, after):
            for row in rows:
                try:
                    done[which] += _rewrap(connection, keys, kept, row)
                except VaultClosed as error:
                    left.append(str(error))
            after = rows[-1]["id"]
            on_progress(before.number + sum(done))
    credentials, subjects = done
    return Rotated(credentials, subjects, left)


def _next(
    connection: Connection[Any], keys: Keyring, kept: Kept, after: Any
) -> Sequence[Mapping[str, Any]]:
    values = {"version": keys.version, "after": after, "limit": BATCH}
    return connection.execute(kept.next, values).fetchall()


def _rewrap(
    connection: Connection[Any], keys: Keyring, kept: Kept, row: Mapping[str, Any]
) -> int:
    bound_to = kept.bound_to(row["bound"])
    data_key = unwrap(keys, bound_to, row["key_version"], row["wrapped_key"])
    values = {
        "id": row["id"],
        "version": keys.version,
        "wrapped": wrap(keys, bound_to, data_key),
        "was_version": row["key_version"],
        "was_wrapped": row["wrapped_key"],
    }
    return connection.execute(kept.rewrap, values).rowcount
