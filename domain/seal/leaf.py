"""What is sealed of an event: all of it, byte by byte, as it lies in the journal.

Numbers are 8 bytes (big-endian, two's complement); before each text and before the
state stands its length in 4 bytes, so nothing can be moved from one to the other.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

NUMBER_BYTES = 8
LENGTH_BYTES = 4
LEAF = b"\0"  # RFC 6962, section 2.1: no leaf can pass for a node.


class Leaf(Struct, frozen=True, gc=False):
    """One event as it is stored; leaf `position - 1` of the tree.

    `state` is what the column holds, never decoded: fields that are encrypted stay as
    they are when their key is destroyed.
    """

    position: int
    stream: str
    version: int
    topic: str
    state: bytes

    def encoded(self) -> bytes:
        """The bytes that are hashed; position, stream, version, topic, state."""
        stream, topic = self.stream.encode(), self.topic.encode()
        return b"".join(
            (
                self.position.to_bytes(NUMBER_BYTES, signed=True),
                len(stream).to_bytes(LENGTH_BYTES),
                stream,
                self.version.to_bytes(NUMBER_BYTES, signed=True),
                len(topic).to_bytes(LENGTH_BYTES),
                topic,
                len(self.state).to_bytes(LENGTH_BYTES),
                self.state,
            )
        )

    def hash(self) -> bytes:
        """32 bytes."""
        return leaf_hash(self.encoded())


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962's hash of one entry: SHA-256, 32 bytes."""
    return sha256(LEAF + data).digest()
