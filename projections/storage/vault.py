"""Secrets at rest: each under a key of its own, that key under the installation's.

AES-256-GCM throughout; the credential's id is the associated data, so that a row copied
over another opens nothing (DESIGN section 4).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import LiteralString

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.rows import DictRow

from domain.errors import VaultClosed
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.threads import in_thread

KEY_BYTES = 32
NONCE_BYTES = 12

PUT: LiteralString = """
INSERT INTO credential (id, key_version, wrapped_key, ciphertext)
VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET
    key_version = excluded.key_version, wrapped_key = excluded.wrapped_key,
    ciphertext = excluded.ciphertext
"""
REPLACE: LiteralString = """
UPDATE credential SET key_version = %s, wrapped_key = %s, ciphertext = %s WHERE id = %s
"""
GET: LiteralString = """
SELECT id, key_version, wrapped_key, ciphertext FROM credential WHERE id = %s
"""
GET_MANY: LiteralString = """
SELECT id, key_version, wrapped_key, ciphertext FROM credential WHERE id = ANY(%s)
"""
# A request may be carried out again for a day, and then puts what it put before.
SETTLED: LiteralString = """
SELECT id FROM credential WHERE created_at < clock_timestamp() - interval '25 hours'
"""
LEASE: LiteralString = """
UPDATE credential
SET leased_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND coalesce(leased_until <= clock_timestamp(), true)
RETURNING leased_until
"""
GIVE_BACK: LiteralString = """
UPDATE credential SET leased_until = NULL WHERE id = %(id)s AND leased_until = %(until)s
"""
FORGET: LiteralString = "DELETE FROM credential WHERE id = %s"


class Vault:
    def __init__(self, database: Database, keys: Keyring) -> None:
        self._database = database
        self._keys = keys

    def __repr__(self) -> str:
        return f"Vault({self._keys})"

    async def put(self, credential_id: str, secret: str) -> None:
        """One for each id: whoever carries a request out again puts the latest."""
        await in_thread(self._put, credential_id, secret)

    async def replace(self, credential_id: str, secret: str) -> None:
        """Another secret in its place; nothing if it was erased."""
        await in_thread(self._replace, credential_id, secret)

    async def get(self, credential_id: str) -> str | None:
        """The secret; None if it was erased. `VaultClosed` if it cannot be opened."""
        return await in_thread(self._get, credential_id)

    async def lease(self, credential_id: str, seconds: float) -> datetime | None:
        """To have it to oneself until then; None if somebody else does, or it is gone.

        It binds nobody who does not ask for it.
        """
        return await in_thread(self._lease, credential_id, seconds)

    async def give_back(self, credential_id: str, until: datetime) -> None:
        """The lease until then, unless it is over and somebody else's by now."""
        await in_thread(self._give_back, credential_id, until)

    async def opened(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Of those, the secrets that are here and can be opened, by id."""
        return await in_thread(self._opened, ids)

    async def forget(self, credential_id: str) -> None:
        await in_thread(self._forget, credential_id)

    async def settled(self) -> Sequence[str]:
        """The ids of those put so long ago that whoever was to use them does."""
        return await in_thread(self._settled)

    def _put(self, credential_id: str, secret: str) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(PUT, (credential_id, *self._sealed(credential_id, secret)))

    def _replace(self, credential_id: str, secret: str) -> None:
        row = (*self._sealed(credential_id, secret), credential_id)
        with self._database.cursor() as cursor:
            cursor.execute(REPLACE, row)

    def _sealed(self, credential_id: str, secret: str) -> tuple[int, bytes, bytes]:
        data_key = AESGCM.generate_key(bit_length=KEY_BYTES * 8)
        associated = credential_id.encode()
        return (
            self._keys.version,
            wrap(self._keys, credential_id, data_key),
            _seal(AESGCM(data_key), secret.encode(), associated),
        )

    def _get(self, credential_id: str) -> str | None:
        with self._database.cursor() as cursor:
            row = cursor.execute(GET, [credential_id], prepare=True).fetchone()
        return None if row is None else self._secret_in(row)

    def _lease(self, credential_id: str, seconds: float) -> datetime | None:
        values = {"id": credential_id, "seconds": seconds}
        with self._database.cursor() as cursor:
            row = cursor.execute(LEASE, values).fetchone()
        return row["leased_until"] if row else None

    def _give_back(self, credential_id: str, until: datetime) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(GIVE_BACK, {"id": credential_id, "until": until})

    def _opened(self, ids: Sequence[str]) -> Mapping[str, str]:
        with self._database.cursor() as cursor:
            rows = cursor.execute(GET_MANY, [[*ids]], prepare=False).fetchall()
        opened: dict[str, str] = {}
        for row in rows:
            with suppress(VaultClosed):
                opened[row["id"]] = self._secret_in(row)
        return opened

    def _secret_in(self, row: DictRow) -> str:
        credential_id: str = row["id"]
        associated = credential_id.encode()
        data_key = unwrap(
            self._keys, credential_id, row["key_version"], row["wrapped_key"]
        )
        try:
            return _open(AESGCM(data_key), row["ciphertext"], associated).decode()
        except InvalidTag:
            raise VaultClosed(
                f"credential {credential_id} was altered and cannot be opened",
                version=row["key_version"],
            ) from None

    def _settled(self) -> Sequence[str]:
        with self._database.cursor() as cursor:
            return [row["id"] for row in cursor.execute(SETTLED).fetchall()]

    def _forget(self, credential_id: str) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(FORGET, [credential_id])


def wrap(keys: Keyring, credential_id: str, data_key: bytes) -> bytes:
    """Under the version that encrypts now."""
    wrapping = AESGCM(keys.key(keys.version))
    return _seal(wrapping, data_key, credential_id.encode())


def unwrap(keys: Keyring, credential_id: str, version: int, wrapped: bytes) -> bytes:
    """`VaultClosed` if that version is not here, or is another key here."""
    wrapping = AESGCM(keys.key(version))
    try:
        return _open(wrapping, wrapped, credential_id.encode())
    except InvalidTag:
        raise VaultClosed(
            f"version {version} of the vault's keys does not open credential"
            f" {credential_id} here",
            version=version,
        ) from None


def _seal(key: AESGCM, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, associated)


def _open(key: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
