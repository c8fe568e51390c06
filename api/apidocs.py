"""The OpenAPI document at /sfp/apidocs-json, and a page for people at /sfp/apidocs."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from litestar import Request
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from api.apidocs_page import page
from api.errors import ErrorBody
from api.examples import EXAMPLES
from api.schemas import LockWaitTimeout

MEDIA_JSON = "application/json"
# Litestar lets only the end of a path have slashes; see api/audit.py.
CUT_SHORT = "/sfp/api/environments/repository/{repository_identifier}"
OPEN_PATHS = ("/sfp/api/ping", "/sfp/api/health/")
# What any route may answer besides its own success.
REFUSALS = {
    "400": "Something in the request is not acceptable; `field` names it",
    "401": "No token, or one that is not good",
    "403": "Not with this role, or not with somebody else's ticket",
    "404": "There is no such thing",
    "409": "Its present state forbids this, or the Idempotency-Key is another's",
    "410": "Too late: the lease is over",
    "413": "The body is larger than 256 KiB",
    "415": "The body is not JSON, or is compressed",
    "429": "A limit on how much may wait is reached",
    "503": "The database did not answer: the outcome is not known; ask again",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request again, within a day: the first answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

Document = dict[str, Any]


def complete(document: Document) -> Document:
    """What Litestar cannot know: examples, and how requests are refused."""
    schemas = document["components"]["schemas"]
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    if cut_short := document["paths"].pop(CUT_SHORT, None):
        document["paths"][f"{CUT_SHORT}/audit"] = cut_short
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith(OPEN_PATHS):
                operation["security"] = []
            if method == "post":
                operation["parameters"] = [
                    *operation.get("parameters", ()),
                    IDEMPOTENCY_KEY,
                ]
            _add_refusals(path, operation)
    return document


def _add_refusals(path: str, operation: Document) -> None:
    reference = {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}
    for status, description in REFUSALS.items():
        operation["responses"][status] = {
            "description": description,
            "content": {MEDIA_JSON: {"schema": reference}},
        }
    if path.endswith("/acquire"):
        waited = {"$ref": f"#/components/schemas/{LockWaitTimeout.__name__}"}
        operation["responses"]["408"] = {
            "description": "Not yet: the ticket keeps its place",
            "content": {MEDIA_JSON: {"schema": waited}},
        }


class JsonDocument(OpenAPIRenderPlugin):
    def render(
        self, request: Request[Any, Any, Any], openapi_schema: Document
    ) -> bytes:
        return self.render_json(request, complete(openapi_schema))


class HtmlPage(OpenAPIRenderPlugin):
    """Made here, without a script or a font from elsewhere: it works offline."""

    def render(
        self, request: Request[Any, Any, Any], openapi_schema: Document
    ) -> bytes:
        del request
        return page(complete(openapi_schema)).encode()


OPENAPI = OpenAPIConfig(
    title="Berth",
    version=version("berth-server"),
    description="An open server for shared deployment environments.",
    path="/sfp",
    render_plugins=[HtmlPage(path="/apidocs"), JsonDocument(path="/apidocs-json")],
    security=[{"bearer": []}],
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
        }
    ),
)
