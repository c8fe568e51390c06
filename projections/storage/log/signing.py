"""Ed25519, for the notes of domain/seal/note.py, which computes nothing itself."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from domain.seal.note import SIGNATURE_BYTES, Key


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is of this message and key; `public` has 32 bytes."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def new_private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def private_key(raw: bytes) -> Ed25519PrivateKey:
    """From the 32 bytes that `private_bytes_raw` has told."""
    return Ed25519PrivateKey.from_private_bytes(raw)


def public_half(private: Ed25519PrivateKey, name: str) -> Key:
    return Key(name, private.public_key().public_bytes_raw())
