"""The OpenAPI document at /sfp/apidocs-json, and a page for people at /sfp/apidocs."""

from __future__ import annotations

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

OPENAPI = OpenAPIConfig(
    title="Berth",
    version="0.1.0",
    description="An open server for shared deployment environments.",
    path="/sfp/apidocs",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    security=[{"bearer": []}],
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
        }
    ),
)
