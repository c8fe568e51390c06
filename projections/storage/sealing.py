"""Seals what is kept for a while, each thing under a key of its own.

The key is derived from one of the installation's and the thing's name, so a sealed text
that is copied to another row opens nothing.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PURPOSE = b"berth/sealed/"
VERSION_BYTES = 4
NONCE_BYTES = 12


class Seal:
    """`keys` are the installation's by version; the highest one seals."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = keys
        self._version = max(keys)

    def __repr__(self) -> str:
        return f"Seal(key versions {sorted(self._keys)})"

    def close(self, name: str, plain: bytes) -> bytes:
        nonce, version = os.urandom(NONCE_BYTES), self._version
        sealed = self._cipher(version, name).encrypt(nonce, plain, None)
        return version.to_bytes(VERSION_BYTES) + nonce + sealed

    def open(self, name: str, sealed: bytes) -> bytes:
        version, rest = sealed[:VERSION_BYTES], sealed[VERSION_BYTES:]
        cipher = self._cipher(int.from_bytes(version), name)
        return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], None)

    def _cipher(self, version: int, name: str) -> AESGCM:
        key = hmac.digest(self._keys[version], PURPOSE + name.encode(), "sha256")
        return AESGCM(key)
