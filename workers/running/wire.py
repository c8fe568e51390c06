"""What a task and its worker say to each other: frames of JSON, all of them bounded."""

from __future__ import annotations

import re
import struct
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from workers.running.assignment import Assignment, FailureKind

RESULT_BYTES_MAX: Final = 256 << 10
RESULT_LEVELS_MAX: Final = 100
FRAME_BYTES_MAX: Final = 512 << 10
MESSAGE_CHARACTERS_MAX: Final = 4 << 10
STACK_CHARACTERS_MAX: Final = 32 << 10
LENGTH: Final = struct.Struct(">I")


class Progressed(Struct, frozen=True, tag="progressed"):
    percent: Annotated[float, Meta(ge=0, le=100)]
    message: str = ""


class Waits(Struct, frozen=True, tag="waits"):
    """It begins to wait for something, or goes on."""

    is_waiting: bool


class Asked(Struct, frozen=True, tag="asked"):
    number: int
    kind: str
    arguments: dict[str, Any]


class Returned(Struct, frozen=True, tag="returned"):
    result: msgspec.Raw


class Ended(Struct, frozen=True, tag="ended"):
    """It ended without a result."""

    kind: FailureKind
    message: str
    stack: str | None = None


Said = Progressed | Waits | Asked | Returned | Ended


class Answered(Struct, frozen=True, tag="answered"):
    number: int
    answer: Any


class RefusedToAnswer(Struct, frozen=True, tag="refused"):
    number: int
    code: str
    message: str


Told = Assignment | Answered | RefusedToAnswer


class Setting(Struct, frozen=True):
    """What the worker tells first: the handlers, and where folders are made."""

    references: dict[str, str]
    root: str


class Ready(Struct, frozen=True):
    """The answer: how long each type may run, and which cannot, for what reason."""

    timeouts: dict[str, float | None]
    unusable: dict[str, str]
    threads: int


def frame(said: Struct) -> bytes:
    """`said` with its length before it."""
    body = msgspec.json.encode(said)
    return LENGTH.pack(len(body)) + body


# Between what `bounded` keeps of a text that is too long.
LEFT_OUT: Final = re.compile(r"(\n\.\.\. \d+ left out \.\.\.\n)")


def bounded(text: str, characters_max: int) -> str:
    """`text` as PostgreSQL can hold it; of a long one, its beginning and its end."""
    text = text.encode(errors="replace").decode().replace("\0", "")
    if len(text) <= characters_max:
        return text
    half = characters_max // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} left out ...\n{text[-half:]}"


def nests_deeper(value: object, levels: int) -> bool:
    """Whether `value` has lists and objects within each other, more than `levels`."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _within(outer)]
        if not layer:
            return False
    return True


def _within(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def has_nul(value: Any) -> bool:
    """PostgreSQL's JSON cannot hold one. (`"\\\\u0000"` in the JSON may be none.)"""
    match value:
        case str() as text:
            return "\0" in text
        case list() as items:
            return any(map(has_nul, items))
        case dict() as fields:
            return any(has_nul(k) or has_nul(v) for k, v in fields.items())
        case _:
            return False
