"""Litestar's route handlers, for routes that are called thousands of times a second.

Litestar copies the handler for each guard, collects the exception handlers once more
for each request, and builds three objects for each response, which together cost as
much as deciding and appending what was asked for. An answer that is a Struct needs none
of it: it is encoded and sent.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ExceptionHandlersMap, Receive, Scope, Send

encode = msgspec.json.Encoder().encode


class _Sent:
    """An encoded answer as an ASGI application."""

    __slots__ = ("_body", "_status")

    def __init__(self, status: int, body: bytes) -> None:
        self._status = status
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self._body)),
        ]
        await send(
            {
                "type": "http.response.start",
                "status": self._status,
                "headers": headers,
            }
        )
        await send(
            {"type": "http.response.body", "body": self._body, "more_body": False}
        )


class HotRoute(HTTPRouteHandler):
    """`@HotRoute(http_method="GET", ...)` in place of `@get(...)`."""

    @cached_property
    def _exception_handlers(self) -> ExceptionHandlersMap:
        return super().resolve_exception_handlers()

    def resolve_exception_handlers(self) -> ExceptionHandlersMap:
        return self._exception_handlers

    async def authorize_connection(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> None:
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]  # all of ours are async

    async def to_response(
        self, app: Litestar, data: Any, request: Request[Any, Any, Any]
    ) -> ASGIApp:
        if isinstance(data, Response):
            return await super().to_response(app, data, request)
        return _Sent(self.status_code, encode(data))
