"""The API document as one HTML page, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from api.documents.apidocs_fields import Fields, prose
from api.errors import ErrorBody

Document = dict[str, Any]
REFUSAL = ErrorBody.__name__

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto;
       padding: 2rem 1rem 6rem; }
nav a { margin-right: 1rem; white-space: nowrap; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { padding: .6rem .8rem; cursor: pointer; }
details > div { padding: 0 .8rem .8rem; border-top: 1px solid var(--line);
                overflow-x: auto; }
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
    links = " ".join(f'<a href="#{_anchor(t)}">{escape(t)}</a>' for t in groups)
    parts = [part for tag in groups for part in _group(document, tag, groups[tag])]
    refusal = _examples(document, [REFUSAL])
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])} <span class=soft>{info['version']}</span></h1>"
        f"<p>{escape(info['description'])} The machine-readable document is "
        '<a href="/sfp/apidocs-json">OpenAPI 3.1</a>. Send a token with every request: '
        "<code>Authorization: Bearer &lt;token&gt;</code>.</p>"
        f"<nav>{links}</nav><h2>Refusals</h2><p>All look like this. Tell them apart by "
        f"<code>code</code>.</p>{refusal}{''.join(parts)}</html>"
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
    fields = Fields(document["components"]["schemas"])
    if text := operation.get("description"):
        yield f"<p>{prose(text)}</p>"
    if parameters := operation.get("parameters"):
        yield f"<h4>Parameters</h4>{fields.parameters(parameters)}"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<h4>Body</h4>{_examples(document, _names(content['schema']))}"
        yield fields.tables(content["schema"])
    yield "<h4>Answers</h4><table>"
    for status, response in sorted(operation["responses"].items()):
        yield f"<tr><td><b>{status}</b><td>{prose(response.get('description', ''))}"
        for content in response.get("content", {}).values():
            names = [name for name in _names(content["schema"]) if name != REFUSAL]
            if names:
                yield _examples(document, names) or fields.tables(content["schema"])
    yield "</table>"


def _examples(document: Document, names: Iterable[str]) -> str:
    """Of these schemas, as far as there are any."""
    shown = []
    for name in dict.fromkeys(names):
        for example in document["components"]["schemas"][name].get("examples", []):
            text = escape(json.dumps(example, indent=2, ensure_ascii=False))
            shown.append(f"<p class=soft>{escape(name)}</p><pre>{text}</pre>")
    return "".join(shown)


def _names(schema: Any) -> Iterator[str]:
    """The schemas that this one refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def _anchor(tag: str) -> str:
    return tag.lower().replace(" ", "-")
