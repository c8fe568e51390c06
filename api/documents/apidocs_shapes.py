"""Shapes of the OpenAPI document, corrected where Litestar's are not what holds.

What a body may be is told by the very types that decode it.
"""

from __future__ import annotations

import json
from collections.abc import Container
from http import HTTPStatus
from typing import Any

import msgspec

from api.documents.apidocs_named import REFERENCE, kinds_of, subclasses_of
from api.errors import ErrorBody
from api.schemas import Body, LockWaitTimeout

Document = dict[str, Any]
NULL = {"type": "null"}
INSTANTS = ("at", "from", "to")
NUMBERS = ("integer", "number")
# How a `Response` that is no answer of ours looks: one made by hand.
ANY_RESPONSE: tuple[Document, ...] = ({}, {"type": "string"})


def shapes(known: Container[str]) -> Document:
    """Those of the bodies whose names are `known`, and of refusals, by name."""
    bodies = [kind for kind in subclasses_of(Body) if kind.__name__ in known]
    types = [*bodies, ErrorBody, LockWaitTimeout]
    _, found = msgspec.json.schema_components(types, ref_template=REFERENCE)
    for shape in found.values():
        for field in shape.get("properties", {}).values():
            _for_generators(field)
    return found


def _for_generators(field: Document) -> None:
    """A field of a body, so that a client that is generated can be used, too.

    To some, what has a default is not optional, and others pass over a whole route for
    a default that is an object: so it is told in words. And to some an object of which
    nothing is said is an empty one.
    """
    for kind in kinds_of(field):
        if kind.get("type") == "object":
            kind.setdefault("additionalProperties", {})
        _whole(kind)
    default = field.pop("default", None)
    if default is not None:
        told = f"`{json.dumps(default)}` unless given"
        field["description"] = ". ".join(filter(None, [field.get("description"), told]))


def _whole(schema: Document) -> None:
    """A number without a fraction is what others call an integer."""
    if schema.get("type") == "number" and schema.get("multipleOf") == 1:
        del schema["multipleOf"]
        schema["type"] = "integer"


def correct(operation: Document) -> None:
    """Changed in place."""
    for parameter in operation.get("parameters", ()):
        _correct_parameter(parameter)
    if body := operation.get("requestBody"):
        for content in body["content"].values():
            _correct_body(body, content)
    for status, response in operation["responses"].items():
        if response.get("description") == HTTPStatus(int(status)).description:
            # Of a 201 Python says that a URL follows.
            response["description"] = HTTPStatus(int(status)).phrase
        for content in response.get("content", {}).values():
            content["schema"] = _without_responses(content["schema"])


def _correct_body(body: Document, content: Document) -> None:
    """One that may be null may be absent, and to some generators only one of the two.

    These send what stands for an absent one, which is no JSON.
    """
    kinds = content["schema"].get("oneOf", ())
    if NULL in kinds:
        [content["schema"]] = [kind for kind in kinds if kind != NULL]
        body["required"] = False


def _correct_parameter(parameter: Document) -> None:
    """No text of a query is null; an optional parameter is absent."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("oneOf", ()) if kind != NULL]
    if len(kinds) == 1:
        del schema["oneOf"]
        parameter["schema"] = kinds[0] | schema
    schema = parameter["schema"]
    if isinstance(kind := schema.get("type"), list):
        [schema["type"]] = set(kind) - {"null"}
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    _whole(schema)
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
