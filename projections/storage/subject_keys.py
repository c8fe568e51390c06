"""The table of people's keys: each found by a digest, wrapped by a key of the vault's.

The digests are HMACs under a secret that lies in the same table, wrapped alike, so that
they stay what they are when the vault's keys change.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection, Mapping
from typing import LiteralString, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import VaultClosed
from domain.person import ERASED_AS
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.migrate import ADVISORY_LOCK
from projections.storage.personal import KEY_BITS
from projections.storage.vault import unwrap, wrap

SECRET_BYTES = 32
OF_THE_SECRET = b""  # What stands in the place of a digest for it.
SHOWN_DIGITS = 12

TALLY: LiteralString = """
SELECT coalesce((SELECT max(number) FROM erasure), 0) AS erasures,
    coalesce((SELECT max(id) FROM subject_key), 0) AS newest_key
"""
# That there is none is known as of some tally, too. A key that was destroyed is
# found until the erasure is finished; before the one in use, if there is one again.
FIND: LiteralString = f"""
SELECT id, digest, erased_as, key_version, wrapped_key, erasures, newest_key
FROM ({TALLY}) AS tally
LEFT JOIN LATERAL (
    SELECT * FROM subject_key WHERE digest = ANY(%(wanted)s) AND wrapped_key IS NULL
    UNION ALL
    SELECT * FROM subject_key WHERE digest = ANY(%(wanted)s) AND wrapped_key IS NOT NULL
) AS key ON true
ORDER BY wrapped_key IS NOT NULL
"""  # noqa: S608 - a statement of ours
LOAD: LiteralString = f"""
SELECT id, digest, erased_as, key_version, wrapped_key, erasures, newest_key
FROM ({TALLY}) AS tally
LEFT JOIN subject_key ON id = ANY(%(wanted)s)
"""  # noqa: S608
HAD_ONE: LiteralString = "SELECT FROM subject_key WHERE erased_as = %s LIMIT 1"
# Whoever has seen the newest key has seen all of them: no lower one comes later.
IN_TURN: LiteralString = "SELECT pg_advisory_xact_lock(%s, hashtext('subject_key'))"
# Whoever comes second finds the key of the first.
MAKE: LiteralString = """
INSERT INTO subject_key (digest, erased_as, key_version, wrapped_key)
VALUES (%s, %s, %s, %s)
ON CONFLICT (digest) WHERE wrapped_key IS NOT NULL DO NOTHING
"""


class Known(NamedTuple):
    """How to find a person's key, and what stands in the place of an erased name."""

    digest: bytes
    erased_as: str


class Key(NamedTuple):
    """`cipher` is None once it was destroyed."""

    id: int
    digest: bytes | None
    erased_as: str
    cipher: AESSIV | None


class Tally(NamedTuple):
    """How many times keys have been destroyed, and the id of the key made last."""

    erasures: int
    newest_key: int

    def is_behind(self, known: Tally) -> bool:
        """As none is that was seen later, while the database stays what it is."""
        return self.erasures < known.erasures or self.newest_key < known.newest_key


class Found(NamedTuple):
    """Keys as they were at some time."""

    tally: Tally
    keys: Collection[Key]


class SubjectKeys:
    """`database` is one whose commits wait for the disk."""

    def __init__(self, database: Database, keys: Keyring) -> None:
        self._database = database
        self._keys = keys
        self._secret: bytes | None = None

    def __repr__(self) -> str:
        return f"SubjectKeys({self._keys})"

    def close(self) -> None:
        self._database.close()

    def known(self, name: str) -> Known:
        """The same for a name, for ever, in this installation and no other."""
        if self._secret is None:
            self._secret = self._find_secret()
        digest = hmac.digest(self._secret, b"find/" + name.encode(), "sha256")
        # Nobody can tell from one that the other is of the same person.
        told = hmac.digest(self._secret, b"tell/" + name.encode(), "sha256")
        return Known(digest, f"{ERASED_AS}{told.hex()[:SHOWN_DIGITS]}")

    def find(self, subjects: Collection[Known], *, make: bool) -> Found:
        """By digest, those in use come last; `make` makes those that are missing.

        A key is on disk before anything is hidden with it. One that is being erased is
        found without its cipher.
        """
        digests = [known.digest for known in subjects]
        while True:
            with self._database.cursor() as cursor:
                found = self._found(cursor, FIND, digests)
            there = {key.digest for key in found.keys if key.cipher is not None}
            missing = [known for known in subjects if known.digest not in there]
            if not (make and missing):
                return found
            with self._database.transaction(commit=True) as cursor:
                cursor.execute(IN_TURN, [ADVISORY_LOCK])
                for known in missing:
                    self._make(cursor, known.digest, known.erased_as)

    def load(self, key_ids: Collection[int]) -> Found:
        """`VaultClosed` if one is not there, or was wrapped by a key not given here."""
        with self._database.cursor() as cursor:
            found = self._found(cursor, LOAD, [*key_ids])
        if lost := {*key_ids} - {key.id for key in found.keys}:
            told = f"subject key {min(lost)} is not in the database"
            raise VaultClosed(told, version=0)
        return found

    def had_one(self, known: Known) -> bool:
        """Whether there ever was a key. Reads all of the table."""
        with self._database.cursor() as cursor:
            return cursor.execute(HAD_ONE, [known.erased_as]).fetchone() is not None

    def tally(self) -> Tally:
        """What everybody who remembers something of people has to know."""
        with self._database.cursor() as cursor:
            return tally(cursor)

    def _find_secret(self) -> bytes:
        with self._database.cursor() as cursor:
            values = {"wanted": [OF_THE_SECRET]}
            [row] = cursor.execute(FIND, values).fetchall()
            if row["id"] is None:
                self._make(cursor, OF_THE_SECRET, "", os.urandom(SECRET_BYTES))
                [row] = cursor.execute(FIND, values).fetchall()
        return self._unwrap(row)

    def _make(
        self,
        cursor: Cursor[DictRow],
        digest: bytes,
        erased_as: str,
        key: bytes | None = None,
    ) -> None:
        key = key or AESSIV.generate_key(bit_length=KEY_BITS)
        wrapped = wrap(self._keys, wrapped_for(digest), key)
        values = (digest, erased_as, self._keys.version, wrapped)
        cursor.execute(MAKE, values)

    def _found(
        self,
        cursor: Cursor[DictRow],
        query: LiteralString,
        wanted: list[bytes] | list[int],
    ) -> Found:
        rows = cursor.execute(query, {"wanted": wanted}, prepare=True).fetchall()
        keys = [
            Key(
                row["id"],
                row["digest"],
                row["erased_as"],
                AESSIV(self._unwrap(row)) if row["wrapped_key"] is not None else None,
            )
            for row in rows
            if row["id"] is not None
        ]
        return Found(Tally(rows[0]["erasures"], rows[0]["newest_key"]), keys)

    def _unwrap(self, row: Mapping[str, object]) -> bytes:
        digest, version, wrapped = (
            row["digest"],
            row["key_version"],
            row["wrapped_key"],
        )
        assert isinstance(digest, bytes)
        assert isinstance(version, int)
        assert isinstance(wrapped, bytes)
        return unwrap(self._keys, wrapped_for(digest), version, wrapped)


def wrapped_for(digest: bytes) -> str:
    """What a wrapped key is bound to: in another row it opens nothing."""
    return f"subject {digest.hex()}"


def tally(cursor: Cursor[DictRow]) -> Tally:
    """As this transaction sees it."""
    [row] = cursor.execute(TALLY, prepare=True).fetchall()
    return Tally(row["erasures"], row["newest_key"])
