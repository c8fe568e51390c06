"""A span for each request: under the caller's own, if its headers name one.

OpenTelemetry's ASGI middleware, which Litestar's plugin wraps, would tell the query,
where a careless caller may have put a secret, and fails if that is not UTF-8.
"""

from __future__ import annotations

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

CARRIED = {b"traceparent", b"tracestate"}
BUG = 500
w3c = TraceContextTextMapPropagator()


class Traced:
    """Outside all others."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked: Any = scope
        headers = [pair for pair in scope["headers"] if pair[0] in CARRIED]
        carried = {key.decode(): value.decode("latin-1") for key, value in headers}
        with self._tracer.start_as_current_span(
            asked["method"], w3c.extract(carried), SpanKind.SERVER
        ) as span:
            span.set_attribute("http.request.method", asked["method"])

            async def send_noting_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= BUG:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, send_noting_status)
            finally:
                route = asked.get("path_template")
                if route:
                    span.update_name(f"{asked['method']} {route}")
                    span.set_attribute("http.route", route)
                request_id = asked["state"].get("request_id", "")
                span.set_attribute("berth.request_id", request_id)
