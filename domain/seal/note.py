"""Signed notes and the checkpoints in them, as C2SP writes both.

https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint: a text, an empty
line, and a line for each signature. Whoever signs or checks brings Ed25519 along.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import sha256

from msgspec import Struct

from domain.seal.findings import Tampered, Unreadable
from domain.seal.tree import HASH_BYTES

ED25519 = b"\1"
ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
DASH = "\N{EM DASH} "
NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
KEY_ID = re.compile(r"[0-9a-f]{8}")

# Whether a signature (third) of a message (second) is of a public key (first).
Check = Callable[[bytes, bytes, bytes], bool]
# The signature of a message.
Sign = Callable[[bytes], bytes]


class Key(Struct, frozen=True):
    """The public half of a key, by its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """4 bytes by which a signature tells its key."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return sha256(named).digest()[:ID_BYTES]

    @property
    def vkey(self) -> str:
        """C2SP's spelling: `<name>+<id in hex>+<base64>`."""
        return f"{self.name}+{self.id.hex()}+{encoded(ED25519 + self.public)}"


class Signature(Struct, frozen=True):
    name: str
    key_id: bytes
    signature: bytes


class Note(Struct, frozen=True):
    """`text` ends with a newline and is what the signatures are of."""

    text: str
    signatures: Sequence[Signature]


class Checkpoint(Struct, frozen=True):
    """How many events the log had, and the hash of the tree over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"


def key_of(vkey: str) -> Key:
    """`Unreadable` if it is none, or its parts do not go together."""
    name, _, rest = vkey.partition("+")
    key_id, _, public = rest.partition("+")
    if not NAME.fullmatch(name) or not KEY_ID.fullmatch(key_id):
        raise Unreadable("the key does not look like <name>+<id>+<base64>")
    raw = decoded(public, "the key")
    if raw[:1] != ED25519 or len(raw) != 1 + PUBLIC_KEY_BYTES:
        raise Unreadable("the key is not one of Ed25519")
    key = Key(name, raw[1:])
    if key.vkey != vkey:
        raise Unreadable("the key's id is not that of its public half")
    return key


def signed(text: str, signers: Iterable[tuple[Key, Sign]]) -> str:
    """The note of `text`, which ends with a newline, with a signature of each."""
    lines = [
        f"{DASH}{key.name} {encoded(key.id + sign(text.encode()))}\n"
        for key, sign in signers
    ]
    return f"{text}\n{''.join(lines)}"


def note_of(written: str) -> Note:
    """`Unreadable` if it is none."""
    text, blank, lines = written.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise Unreadable("the checkpoint has no signature")
    signatures = [_signature(line) for line in lines[:-1].split("\n")]
    return Note(f"{text}\n", signatures)


def checkpoint_of(text: str) -> Checkpoint:
    """What a note's text says; `Unreadable` if it is no checkpoint."""
    # Others may add lines of their own below these, which are signed, too.
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    if not origin or not SIZE.fullmatch(size):
        raise Unreadable("the checkpoint has no origin or no size")
    found = decoded(root, "the checkpoint's root")
    if len(found) != HASH_BYTES:
        raise Unreadable("the checkpoint's root is not 32 bytes")
    return Checkpoint(origin, int(size), found)


def opened(
    written: str, keys: Collection[Key], check: Check
) -> tuple[Checkpoint, Sequence[Key]]:
    """What a checkpoint says, and which of `keys` have signed it.

    `Tampered` if none has, or one's signature is not right. Those of other keys are
    passed over, as C2SP says.
    """
    note = note_of(written)
    checkpoint = checkpoint_of(note.text)
    signers = []
    for signature in note.signatures:
        for key in keys:
            if (key.name, key.id) != (signature.name, signature.key_id):
                continue
            if not check(key.public, note.text.encode(), signature.signature):
                raise Tampered(
                    f"the checkpoint of {checkpoint.size} events is not as"
                    f" {key.name}+{key.id.hex()} signed it"
                )
            signers.append(key)
    if not signers:
        raise Tampered(
            f"the checkpoint of {checkpoint.size} events is signed by none of the keys"
        )
    return checkpoint, signers


def encoded(raw: bytes) -> str:
    """Base64 as it stands in notes."""
    return base64.b64encode(raw).decode()


def decoded(text: str, what: str) -> bytes:
    """`Unreadable` unless it is base64, spelled in the one right way."""
    try:
        raw = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable(f"{what} is not base64") from None
    if encoded(raw) != text:
        raise Unreadable(f"{what} is not base64 as it should be spelled")
    return raw


def _signature(line: str) -> Signature:
    name, _, text = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not NAME.fullmatch(name):
        raise Unreadable("a line below the checkpoint is no signature")
    raw = decoded(text, "a signature")
    if len(raw) <= ID_BYTES:
        raise Unreadable("a signature is too short")
    return Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])
