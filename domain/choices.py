"""What a field may be, for whoever sent what is none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import ValidationError, inspect

from domain.field_path import told

REPEATED = re.compile(r"""Invalid enum value ('.*'|".*"|\S+)""", re.DOTALL)
PART = re.compile(r"\[.*?\]|[^.[]+")


def explained(error: ValidationError, kind: Any) -> ValidationError:
    """With what may stand in the place of a value that an enum of `kind` has not.

    What was sent is not repeated: somebody may have mistaken a field for another.
    """
    message = str(error)
    if not REPEATED.match(message):
        return error
    _, path = told(error)
    choices = dict.fromkeys(map(str, _choices(kind, path)))
    among = f": it is none of {', '.join(choices)}" if choices else ""
    return ValidationError(REPEATED.sub(f"Invalid enum value{among}", message))


def _choices(kind: Any, path: str) -> Iterator[Any]:
    found = [*_alternatives(inspect.type_info(kind))]
    for part in PART.findall(path):
        found = [
            a for one in found for b in _within(one, part) for a in _alternatives(b)
        ]
    for one in found:
        match one:
            case inspect.EnumType():
                yield from (member.value for member in one.cls)
            case inspect.LiteralType():
                yield from one.values
            case _:
                pass


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.Metadata():
            yield from _alternatives(kind.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _alternatives(one)
        case _:
            yield kind


def _within(kind: inspect.Type, part: str) -> Iterator[inspect.Type]:
    match kind:
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType():
            yield from (
                field.type for field in kind.fields if field.encode_name == part
            )
        case inspect.DictType():
            yield kind.value_type
        case inspect.ListType():
            yield kind.item_type
        case _:
            pass
