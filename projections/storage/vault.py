"""Secrets at rest: each under a key of its own, that key under the installation's.

AES-256-GCM throughout; the credential's id is the associated data, so that a row copied
over another opens nothing (DESIGN section 4).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import LiteralString

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.storage.database import Database
from projections.storage.threads import in_thread

KEY_BYTES = 32
NONCE_BYTES = 12

PUT: LiteralString = """
INSERT INTO credential (id, key_version, wrapped_key, ciphertext)
VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING
"""
REPLACE: LiteralString = """
UPDATE credential SET key_version = %s, wrapped_key = %s, ciphertext = %s WHERE id = %s
"""
GET: LiteralString = """
SELECT key_version, wrapped_key, ciphertext FROM credential WHERE id = %s
"""
FORGET: LiteralString = "DELETE FROM credential WHERE id = %s"


class Vault:
    """`keys` are the installation's wrapping keys by version; the highest one wraps."""

    def __init__(self, database: Database, keys: Mapping[int, bytes]) -> None:
        self._database = database
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self._version = max(keys)

    def __repr__(self) -> str:
        return f"Vault(key versions {sorted(self._keys)})"

    async def put(self, credential_id: str, secret: str) -> None:
        """Once for each id: a request that is carried out again puts the same."""
        await in_thread(self._put, credential_id, secret)

    async def replace(self, credential_id: str, secret: str) -> None:
        """Another secret in its place; nothing if it was erased."""
        await in_thread(self._replace, credential_id, secret)

    async def get(self, credential_id: str) -> str | None:
        """The secret; None if it was erased."""
        return await in_thread(self._get, credential_id)

    async def forget(self, credential_id: str) -> None:
        await in_thread(self._forget, credential_id)

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
            self._version,
            _seal(self._keys[self._version], data_key, associated),
            _seal(AESGCM(data_key), secret.encode(), associated),
        )

    def _get(self, credential_id: str) -> str | None:
        with self._database.cursor() as cursor:
            row = cursor.execute(GET, [credential_id], prepare=True).fetchone()
        if row is None:
            return None
        associated = credential_id.encode()
        wrapping = self._keys[row["key_version"]]
        data_key = _open(wrapping, row["wrapped_key"], associated)
        return _open(AESGCM(data_key), row["ciphertext"], associated).decode()

    def _forget(self, credential_id: str) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(FORGET, [credential_id])


def _seal(key: AESGCM, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, associated)


def _open(key: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
