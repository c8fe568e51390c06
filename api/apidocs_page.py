"""The API document as one HTML page, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto;
       padding: 2rem 1rem 6rem; }
nav a { margin-right: 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { padding: .6rem .8rem; cursor: pointer; }
details > div { padding: 0 .8rem .8rem; border-top: 1px solid var(--line); }
b.verb { display: inline-block; min-width: 4.5rem; font-family: ui-monospace, monospace;
         color: #0a6; }
b.verb.delete { color: #c33; } b.verb.put, b.verb.patch { color: #b70; }
b.verb.post { color: #27c; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto;
      border-radius: 6px; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
         border-bottom: 1px solid var(--line); }
.soft { opacity: .7; }
"""


def page(document: Document) -> str:
    """HTML of the OpenAPI document, which may say anything: all of it is escaped."""
    info = document["info"]
    groups = _by_tag(document)
    links = "".join(f'<a href="#{_anchor(t)}">{escape(t)}</a>' for t in groups)
    parts = [part for tag in groups for part in _group(document, tag, groups[tag])]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])} <span class=soft>{info['version']}</span></h1>"
        f"<p>{escape(info['description'])} The machine-readable document is "
        '<a href="/sfp/apidocs-json">OpenAPI 3.1</a>. Send a token with every request: '
        "<code>Authorization: Bearer &lt;token&gt;</code>.</p>"
        f"<nav>{links}</nav>{''.join(parts)}</html>"
    )


def _by_tag(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    groups: dict[str, list[tuple[str, str, Document]]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            for tag in operation.get("tags", ["Other"]):
                groups.setdefault(tag, []).append((verb, path, operation))
    return groups


def _group(
    document: Document, tag: str, operations: list[tuple[str, str, Document]]
) -> Iterator[str]:
    yield f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>'
    for verb, path, operation in operations:
        yield (
            f'<details><summary><b class="verb {verb}">{verb.upper()}</b>'
            f"<code>{escape(path)}</code> "
            f"<span class=soft>{escape(operation.get('summary', ''))}</span></summary>"
            f"<div>{''.join(_operation(document, operation))}</div></details>"
        )


def _operation(document: Document, operation: Document) -> Iterator[str]:
    if text := operation.get("description"):
        yield f"<p>{escape(text)}</p>"
    if parameters := operation.get("parameters"):
        rows = "".join(_parameter(p) for p in parameters)
        yield f"<h4>Parameters</h4><table>{rows}</table>"
    body = operation.get("requestBody", {}).get("content", {})
    for content in body.values():
        yield f"<h4>Body</h4>{_schema(document, content.get('schema', {}))}"
    yield "<h4>Answers</h4><table>"
    for status, response in sorted(operation["responses"].items()):
        shown = ""
        if status.startswith("2") or status == "408":
            schemas = [c["schema"] for c in response.get("content", {}).values()]
            shown = "".join(_schema(document, schema) for schema in schemas)
        what = escape(response.get("description", ""))
        yield f"<tr><td><b>{status}</b><td>{what}{shown}"
    yield "</table>"


def _parameter(parameter: Document) -> str:
    need = "required" if parameter.get("required") else ""
    what = escape(parameter.get("description", ""))
    where = f"{parameter['in']} {need}"
    return f"<tr><td><code>{escape(parameter['name'])}</code><td>{where}<td>{what}"


def _schema(document: Document, schema: Document) -> str:
    """Each named schema that `schema` comes down to, with its example or its fields."""
    shown = []
    for name in dict.fromkeys(_names(schema)):
        known = document["components"]["schemas"].get(name, {})
        sample = next(iter(known.get("examples", [])), None)
        if sample is None:
            sample = {
                field: _kind(s) for field, s in known.get("properties", {}).items()
            }
        text = escape(json.dumps(sample, indent=2, ensure_ascii=False))
        shown.append(f"<p class=soft>{escape(name)}</p><pre>{text}</pre>")
    return "".join(shown)


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def _kind(schema: Document) -> str:
    kinds = [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]
    named = [k.get("format") or k.get("type") or "" for k in kinds]
    return " or ".join(str(kind) for kind in named if kind) or "object"


def _anchor(tag: str) -> str:
    return tag.lower().replace(" ", "-")
