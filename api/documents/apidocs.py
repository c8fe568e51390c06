"""The OpenAPI document at /sfp/apidocs-json, and a page for people at /sfp/apidocs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from importlib.metadata import version
from typing import Any

from litestar import MediaType, Request
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from api.documents.apidocs_links import add_links
from api.documents.apidocs_named import (
    JSON_OBJECT,
    complete_schemas,
    reference,
    rename,
)
from api.documents.apidocs_page import page
from api.documents.apidocs_paths import operation_id, spelled
from api.documents.apidocs_refusals import OPEN_PATHS, SCHEMAS, Document, refusals_of
from api.documents.apidocs_shapes import correct, shapes
from api.documents.examples import EXAMPLES
from api.documents.schemas_of_events import MEDIA_SCHEMA
from domain.task.types import TaskType

# Litestar lets only the end of a path have slashes; see api/audit.py.
CUT_SHORT = {
    "/sfp/api/environments/repository/{repositoryIdentifier}": "/audit",
    "/sfp/api/repositories/{repositoryIdentifier}": "/holds",
}
EVENTS = "/sfp/api/events"
HISTORY = "/history"
EXPORT = "/sfp/api/log/export"
HOLDS = "/holds"
LINES, STREAM, TABLE = "application/x-ndjson", "text/event-stream", "text/csv"
BEARER = "bearer"
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request again, within a day: the first answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def complete(document: Document, task_types: Sequence[str]) -> Document:
    """What Litestar cannot know: examples, links, and how requests are refused."""
    document = deepcopy(document)
    schemas = document["components"]["schemas"]
    paths = spelled(document["paths"])
    schemas.update(shapes(schemas))
    schemas["TaskBody"]["properties"]["type"]["enum"] = task_types
    complete_schemas(schemas)
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    paths = document["paths"] = {p + CUT_SHORT.get(p, ""): o for p, o in paths.items()}
    for path, operations in paths.items():
        for method, operation in operations.items():
            is_open = path.startswith(OPEN_PATHS)
            operation["security"] = [] if is_open else [{BEARER: []}]
            if method == "post":
                operation["parameters"] = [
                    *operation.get("parameters", ()),
                    IDEMPOTENCY_KEY,
                ]
            correct(operation)
            operation["responses"] |= refusals_of(path, method, operation)
    for path, operations in paths.items():
        for media in _also_sent(path):
            _answers(operations)[media] = {"schema": {"type": "string"}}
        if path.startswith(SCHEMAS):
            _answers(operations)[MEDIA_SCHEMA]["schema"] = reference(JSON_OBJECT)
    add_links(paths)
    rename(document)
    return document


def _answers(operations: Document) -> Document:
    """By their media types."""
    content: Document = operations["get"]["responses"]["200"]["content"]
    return content


def _also_sent(path: str) -> Sequence[str]:
    """In place of JSON, to whoever accepts it; a table, to whoever asks for one."""
    if path == EVENTS:
        return (LINES, STREAM)
    if path == EXPORT:
        return (LINES, TABLE)
    if path.endswith(HOLDS):
        return (TABLE,)
    return (LINES,) if path.endswith(HISTORY) else ()


class JsonDocument(OpenAPIRenderPlugin):
    def render(
        self, request: Request[Any, Any, Any], openapi_schema: Document
    ) -> bytes:
        def made() -> bytes:
            return self.render_json(request, _complete(request, openapi_schema))

        return _kept(request, self.paths[0], made)


class HtmlPage(OpenAPIRenderPlugin):
    """Made here, without a script or a font from elsewhere: it works offline."""

    def render(
        self, request: Request[Any, Any, Any], openapi_schema: Document
    ) -> bytes:
        def made() -> bytes:
            return page(_complete(request, openapi_schema)).encode()

        return _kept(request, self.paths[0], made)


def _kept(
    request: Request[Any, Any, Any], path: str, made: Callable[[], bytes]
) -> bytes:
    """Made once: it takes long enough to hold others up, and anybody may ask."""
    documents: dict[str, bytes] = request.app.state.documents
    if path not in documents:
        documents[path] = made()
    return documents[path]


def _complete(request: Request[Any, Any, Any], document: Document) -> Document:
    types: Mapping[str, TaskType] = request.app.state.services.task_types
    return complete(document, sorted(t.name for t in types.values() if t.is_public))


OPENAPI = OpenAPIConfig(
    title="Berth",
    version=version("berth-server"),
    description="An open server for shared deployment environments.",
    path="/sfp",
    use_handler_docstrings=True,
    operation_id_creator=operation_id,
    render_plugins=[
        HtmlPage(path="/apidocs"),
        JsonDocument(path="/apidocs-json", media_type=MediaType.JSON),
    ],
    security=[{BEARER: []}],
    components=Components(
        security_schemes={
            BEARER: SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
        }
    ),
)
