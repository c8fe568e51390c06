"""What each event's data looks like, as JSON Schema made from the events' Structs.

What is withheld from those outside is not in it; `origin`, which goes along, is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec
from msgspec import inspect

from domain.catalog import AnyEvent
from domain.event import Event
from domain.outward.cloud_event import SCHEMAS, WITHHELD, type_of
from domain.record import Origin

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVENTS: Mapping[str, type[Event]] = {type_of(e): e for e in get_args(AnyEvent)}
ORIGIN = "origin"
SENTENCE = re.compile(r"(?<=[.;]) +")


def schema_of(event_type: type[Event]) -> Schema:
    """A document of its own. Fields may be added to it: they are not forbidden."""
    parts = shapes([event_type], "#/$defs/{name}")
    named = type_of(event_type)
    head = {"$schema": DIALECT, "$id": f"{SCHEMAS}/{named}.json"}
    body = parts.pop(event_type.__name__)
    return head | body | {"title": named, "$defs": parts}


def shapes(event_types: Iterable[type[Event]], reference: str) -> dict[str, Schema]:
    """Of the data of these, and of all in it, by name."""
    events = list(event_types)
    _, found = msgspec.json.schema_components([*events, Origin], ref_template=reference)
    for struct in _structs([*events, Origin]):
        _complete(found[struct.__name__], struct)
    origin = {"$ref": reference.format(name=Origin.__name__)}
    for event_type in events:
        shape = found[event_type.__name__]
        withheld = WITHHELD.get(event_type)
        shape["properties"].pop(withheld, None)
        shape["properties"][ORIGIN] = origin
        named = [name for name in shape["required"] if name != withheld]
        shape["required"] = [*named, ORIGIN]
    return found


def _complete(shape: Schema, struct: type[Any]) -> None:
    """What msgspec leaves out: that a text is an instant, and what a field means."""
    text = " ".join((struct.__doc__ or "").split())
    if text:
        shape["description"] = text
    for field in msgspec.structs.fields(struct):
        its = shape["properties"][field.encode_name]
        if _holds(inspect.type_info(field.type), inspect.DateTimeType):
            for part in its.get("anyOf", [its]):
                if part.get("type") == "string":
                    part["format"] = "date-time"
        about = [s for s in SENTENCE.split(text) if f"`{field.name}`" in s]
        if about:
            its["description"] = " ".join(about)


def _holds(kind: inspect.Type, wanted: type[inspect.Type]) -> bool:
    parts = kind.types if isinstance(kind, inspect.UnionType) else [kind]
    return any(isinstance(part, wanted) for part in parts)


def _structs(types: Collection[type[Any]]) -> Iterator[type[Any]]:
    """These, and all that stand in their fields, each once."""
    known: set[type[Any]] = set()
    to_do = list(map(inspect.type_info, types))
    while to_do:
        match to_do.pop():
            case inspect.StructType(cls=cls, fields=fields) if cls not in known:
                known.add(cls)
                yield cls
                to_do += [field.type for field in fields]
            case inspect.UnionType(types=parts):
                to_do += parts
            case (
                inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item)
            ):
                to_do.append(item)
