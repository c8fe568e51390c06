"""Seals what is kept for a while, each thing under a key of its own.

The key is derived from one of the installation's and the thing's name, so a sealed text
that is copied to another row opens nothing.
"""

from __future__ import annotations

import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.storage.keyring import Keyring

PURPOSE = b"berth/sealed/"
VERSION_BYTES = 4
NONCE_BYTES = 12


class Seal:
    def __init__(self, keys: Keyring) -> None:
        self.keys = keys

    def __repr__(self) -> str:
        return f"Seal({self.keys})"

    def close(self, name: str, plain: bytes) -> bytes:
        nonce, version = os.urandom(NONCE_BYTES), self.keys.version
        sealed = self._cipher(version, name).encrypt(nonce, plain, None)
        return version.to_bytes(VERSION_BYTES) + nonce + sealed

    def open(self, name: str, sealed: bytes) -> bytes:
        """`VaultClosed` without its key; `InvalidTag` if that did not seal this."""
        rest = sealed[VERSION_BYTES:]
        cipher = self._cipher(version_of(sealed), name)
        return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], None)

    def _cipher(self, version: int, name: str) -> AESGCM:
        key = hmac.digest(self.keys.key(version), PURPOSE + name.encode(), "sha256")
        return AESGCM(key)


def version_of(sealed: bytes) -> int:
    """Of the installation's keys, by the first bytes of what was sealed."""
    return int.from_bytes(sealed[:VERSION_BYTES])
