"""Shapes of the OpenAPI document, corrected where Litestar's are not what holds.

What a body may be is told by the very types that decode it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from api.errors import ErrorBody
from api.schemas import Body, LockWaitTimeout

Document = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
NULL = {"type": "null"}
INSTANTS = ("at", "from", "to")
NUMBERS = ("integer", "number")
# How a `Response` that is no answer of ours looks: one made by hand.
ANY_RESPONSE: tuple[Document, ...] = ({}, {"type": "string"})


def shapes() -> Document:
    """Every body's, and those of refusals, by name."""
    types = [*_kinds(Body), ErrorBody, LockWaitTimeout]
    _, found = msgspec.json.schema_components(types, ref_template=REFERENCE)
    return found


def correct(operation: Document) -> None:
    """Changed in place."""
    for parameter in operation.get("parameters", ()):
        _correct_parameter(parameter)
    if body := operation.get("requestBody"):
        # A body that may be null may as well be absent.
        for content in body["content"].values():
            if NULL in content["schema"].get("oneOf", ()):
                body["required"] = False
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            content["schema"] = _without_responses(content["schema"])


def _correct_parameter(parameter: Document) -> None:
    """No text of a query is null; an optional parameter is absent."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("oneOf", ()) if kind != NULL]
    if len(kinds) == 1:
        del schema["oneOf"]
        parameter["schema"] = kinds[0] | schema
    schema = parameter["schema"]
    if schema.get("type") in NUMBERS:
        schema.setdefault("minimum", 0)  # To Litestar, no minimum and 0 are the same.
    if parameter["name"] == "environmentId":
        schema["format"] = "uuid"
    is_text = schema.get("type") == "string" and "pattern" not in schema
    if parameter["name"] in INSTANTS and is_text:
        schema["format"] = "date-time"


def _without_responses(schema: Document) -> Document:
    """The answer itself, of handlers that may also return a response of their own."""
    named = [kind for kind in schema.get("oneOf", ()) if kind not in ANY_RESPONSE]
    return named[0] if len(named) == 1 else schema


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)
