"""Null for what may be left out of a new thing: the same as leaving it out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo, fields, force_setattr

T = TypeVar("T")
# Null is read, and gone once it is: nobody but the decoder ever sees one.
if TYPE_CHECKING:
    OrNull = Annotated[T, "or null"]
else:
    OrNull = T | None


def take_defaults(body: Struct) -> None:
    """In place of every null of a field whose default is something else."""
    for field in _with_defaults(type(body)):
        if getattr(body, field.name) is None:
            force_setattr(body, field.name, _default(field))


@cache
def _with_defaults(kind: type[Struct]) -> tuple[FieldInfo, ...]:
    """Where null is told from absent, as in a patch, the default is UNSET."""
    return tuple(
        field
        for field in fields(kind)
        if not field.required and _default(field) not in (None, UNSET)
    )


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default
