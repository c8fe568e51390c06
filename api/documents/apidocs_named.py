"""Schemas as a client has them that is generated: described, and each with a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any

from msgspec import Struct

Document = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
# Where the Structs are that cross the wire.
HOMES = ("api.", "domain.outward.")
ANY_OBJECT = {"type": "object", "additionalProperties": {}}
JSON_OBJECT = "JsonObject"
# A module of ours says what its names are of; to a client they are side by side.
OF_ALL = {
    "Cause": "HoldCause",
    "ConfigAnswer": "WebhookConfigAnswer",
    "ConfigBody": "WebhookConfigBody",
    "ConfigPatch": "WebhookConfigPatch",
    "FilterAnswer": "WebhookFilterAnswer",
    "FilterBody": "WebhookFilterBody",
    "Method": "WebhookMethod",
    "Ordering": "WebhookOrdering",
    "Outcome": "DeliveryOutcome",
    "Overlap": "OverlapPolicy",
    "Provider": "WebhookProvider",
    "Switch": "WebhookSwitch",
}
ENVIRONMENT_ID = {"environmentId", "environment_id"}


def reference(name: str) -> Document:
    return {"$ref": REFERENCE.format(name=name)}


def complete_schemas(schemas: Document) -> None:
    """Changed in place: one that has no name is a class called after its place."""
    _describe(schemas)
    for name, shape in list(schemas.items()):
        if "enum" in shape:
            shape["type"] = "string"
        for field, its in shape.get("properties", {}).items():
            _unwrap(its)
            for kind in kinds_of(its):
                if kind == ANY_OBJECT:
                    _replace(kind, reference(JSON_OBJECT))
                elif kind.get("type") == "object":
                    owner = OF_ALL.get(name, name)
                    called = f"{owner}{field[0].upper()}{field[1:]}"
                    schemas[called] = kind | {"title": called}
                    _replace(kind, reference(called))
                elif field in ENVIRONMENT_ID and kind.get("type") == "string":
                    kind["format"] = "uuid"
    schemas["EnvironmentAnswer"]["properties"]["id"]["format"] = "uuid"
    schemas[JSON_OBJECT] = ANY_OBJECT | {
        "title": JSON_OBJECT,
        "description": "Any JSON object: what is in it is for its sender to say.",
    }


def rename(document: Document) -> None:
    """Schemas, and whatever refers to them, changed in place."""
    schemas = document["components"]["schemas"]
    for name, called in OF_ALL.items():
        schemas[called] = schemas.pop(name) | {"title": called}
    names = {
        reference(name)["$ref"]: reference(called)["$ref"]
        for name, called in OF_ALL.items()
    }
    _refer(document, names)


def _refer(part: Any, names: Mapping[str, str]) -> None:
    if isinstance(part, dict):
        if (name := part.get("$ref", "")) in names:
            part["$ref"] = names[name]
        for one in part.values():
            _refer(one, names)
    elif isinstance(part, list):
        for one in part:
            _refer(one, names)


def _describe(schemas: Document) -> None:
    """By the docstring of each Struct, which Litestar passes over."""
    for struct in subclasses_of(Struct):
        is_home = struct.__module__.startswith(HOMES)
        if is_home and struct.__doc__ and struct.__name__ in schemas:
            schemas[struct.__name__]["description"] = cleandoc(struct.__doc__)


def _unwrap(field: Document) -> None:
    """One of one is that one."""
    if len(only := field.get("oneOf", ())) == 1:
        del field["oneOf"]
        field.update(only[0])


def kinds_of(field: Document) -> Iterator[Document]:
    """Itself, and whatever else it may be."""
    yield field
    yield from field.get("anyOf", ())
    yield from field.get("oneOf", ())


def _replace(schema: Document, by: Document) -> None:
    schema.clear()
    schema.update(by)


def subclasses_of(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses_of(one)
