"""A bundle: events with proof that they lie in the journal, for whoever has the key.

Lines of JSON: a header, then each event in the order of positions, then the end. Each
line is spelled in one way only, and the end has the hash of all that comes before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from domain.seal.findings import Unreadable
from domain.seal.leaf import Leaf
from domain.seal.note import encoded

LineT = TypeVar("LineT", bound=Struct)
NULL = b"null"
END = b'{"type":"end"'  # What only the last line begins with.


class Asked(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"first": "from", "last": "to"},
):
    """Which events: about an environment, of a repository, or those of positions.

    `first` and `last` are positions; `last` is never beyond the checkpoint.
    """

    environment: str | None = None
    repository: str | None = None
    first: int
    last: int

    @property
    def is_everything(self) -> bool:
        """Each event of these positions, whatever it is about."""
        return self.environment is None and self.repository is None


class Earlier(Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint of before, and the proof that it was only added to since."""

    checkpoint: str
    proof: Sequence[bytes]


class Header(Struct, frozen=True, forbid_unknown_fields=True, tag="berth.bundle.v1"):
    """`checkpoint` is a signed note; `keys` are all that the log ever had, as vkeys."""

    origin: str
    size: int
    checkpoint: str
    keys: Sequence[str]
    asked: Asked
    earlier: Earlier | None = None


class EventLine(Struct, frozen=True, forbid_unknown_fields=True, tag="event"):
    """`state` is what was sealed; `event` is the same, to read, if it is JSON.

    Of people, `event` has the names that could still be told when it was exported.
    `proof` are the hashes of RFC 6962's inclusion proof.
    """

    position: int
    stream: str
    version: int
    topic: str
    state: bytes
    event: Raw
    proof: Sequence[bytes]

    @property
    def leaf(self) -> Leaf:
        return Leaf(self.position, self.stream, self.version, self.topic, self.state)


class End(Struct, frozen=True, forbid_unknown_fields=True, tag="end"):
    """How many events there are, and SHA-256 of every line before this one, in hex."""

    events: int
    sha256: str


def event_line(leaf: Leaf, told: bytes, proof: Sequence[bytes]) -> EventLine:
    """`told` is the leaf's state, with the names that are hidden in it, if any are."""
    return EventLine(
        leaf.position,
        leaf.stream,
        leaf.version,
        leaf.topic,
        leaf.state,
        Raw(readable(told)),
        proof,
    )


def readable(state: bytes) -> bytes:
    """The state itself if it is JSON on one line, as all are that Berth has written."""
    try:
        msgspec.json.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NULL
    is_one_line = state == state.strip() and b"\n" not in state
    return state if is_one_line else NULL


def line_of(line: Struct) -> bytes:
    """As it stands in a bundle, with its newline."""
    return msgspec.json.encode(line) + b"\n"


def read_line(line: bytes, kind: type[LineT], what: str) -> LineT:
    """`Unreadable` if it is no such line, or is spelled otherwise than `line_of`."""
    try:
        found = msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"{what} cannot be read: {error}") from None
    if line_of(found) != line:
        raise Unreadable(f"{what} is not spelled as Berth spells it")
    return found


def shown(proof: Sequence[bytes]) -> Sequence[str]:
    """A proof as JSON has it elsewhere: base64."""
    return [encoded(part) for part in proof]
