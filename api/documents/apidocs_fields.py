"""What a field of a body or a parameter may be, in words: for the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Document = dict[str, Any]
NULL = {"type": "null"}
CODE = re.compile("`([^`]+)`")


class Fields:
    """`schemas`: those that a document has names for."""

    def __init__(self, schemas: Mapping[str, Document]) -> None:
        self._schemas = schemas

    def kind_of(self, schema: Document) -> str:
        """Such as `integer from 1 to 50`, or `"dev" or "test"`."""
        if "$ref" in schema:
            name = _name_in(schema)
            known = self._schemas[name]
            return self.kind_of(known) if "enum" in known else name
        if "enum" in schema:
            return " or ".join(json.dumps(value) for value in schema["enum"])
        if kinds := schema.get("anyOf") or schema.get("oneOf"):
            return " or ".join(self.kind_of(kind) for kind in kinds if kind != NULL)
        if schema.get("type") == "array":
            return f"array of {self.kind_of(schema['items'])}{_bounds(schema)}"
        kind = schema.get("format") or schema.get("type", "anything")
        return f"{kind}{_bounds(schema)}"

    def parameters(self, parameters: list[Document]) -> str:
        rows = []
        for one in parameters:
            schema, need = one["schema"], " required" if one.get("required") else ""
            about = one.get("description", "")
            if "default" in schema:
                default = json.dumps(schema["default"])
                about = f"{about} (`{default}` unless given)".strip()
            rows.append(self._row(one["name"], schema, one["in"] + need, about))
        return f"<table>{''.join(rows)}</table>"

    def tables(self, schema: Document) -> str:
        """The fields of each object that `schema` comes down to."""
        tables = []
        for name in dict.fromkeys(self._objects(schema)):
            known = self._schemas[name]
            about = prose(" ".join(known.get("description", "").split()))
            needed = known.get("required", ())
            rows = (
                self._row(
                    field,
                    its,
                    "required" if field in needed else "",
                    its.get("description", ""),
                )
                for field, its in known["properties"].items()
            )
            title = f"<h5>{escape(name)}</h5><p>{about}</p>"
            tables.append(f"{title}<table>{''.join(rows)}</table>")
        return "".join(tables)

    def _row(self, name: str, schema: Document, need: str, about: str) -> str:
        kind = escape(self.kind_of(schema))
        return (
            f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{need}<td>{prose(about)}"
        )

    def _objects(self, schema: Any) -> Iterator[str]:
        """The names of the objects that a schema comes down to."""
        if isinstance(schema, list):
            for part in schema:
                yield from self._objects(part)
        elif isinstance(schema, dict):
            if "$ref" in schema and "properties" in self._schemas[_name_in(schema)]:
                name = _name_in(schema)
                yield name
                yield from self._objects(self._schemas[name]["properties"])
            for part in schema.values():
                yield from self._objects(part)


def prose(text: str) -> str:
    """As HTML; what stands between backticks is code."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def _name_in(reference: Document) -> str:
    return str(reference["$ref"].rpartition("/")[2])


def _bounds(schema: Document) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    told = "" if least is None else f" from {least:.0f}"
    told += "" if most is None else f" to {most:.0f}"
    if "maxLength" in schema:
        told += f", {schema['maxLength']} characters at most"
    if "maxItems" in schema:
        told += f", {schema['maxItems']} of them at most"
    return told
