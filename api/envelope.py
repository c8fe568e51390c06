"""What every response has in common, whoever made it: headers, and never a hang-up."""

from __future__ import annotations

import asyncio
import re

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import UNSET, UnsetType

from api.errors import error_body
from api.requests import request_id_of

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
# To msgspec, the text "null" is a value of every parameter that may be absent.
NULL = re.compile(
    rb"(?:^|&)(attempt|authType|category|isActive|outcome|priority|scheduleType|status|timeoutSeconds|to)=null"
    rb"(?:&|$)"
)


class Envelope:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        scope["state"] = {}
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                request_id = request_id_of(scope).encode()
                headers = [*message["headers"], (b"x-request-id", request_id)]
                present = {name for name, _ in headers}
                headers += [pair for pair in HEADERS if pair[0] not in present]
                message["headers"] = headers
            await send(message)

        if field := _unreadable(scope):
            why = f"the {field} has a character that no text can have"
            await _answer(scope, send_with_headers, 400, why, field)
            return
        if null := NULL.search(scope["query_string"]):
            field = null[1].decode()
            why = f"{field}: null is none of its values"
            await _answer(scope, send_with_headers, 400, why, field)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            if has_begun:
                raise
            why = "the server is stopping"
            await _answer(scope, send_with_headers, 503, why)


def _unreadable(scope: Scope) -> str | None:
    """The part of the URL that no text column could hold."""
    path: str = scope["path"]
    if "\0" in path:
        return "path"
    if b"%00" in scope["query_string"]:
        return "query"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "path"
    return None


async def _answer(
    scope: Scope,
    send: Send,
    status: int,
    message: str,
    field: str | UnsetType = UNSET,
) -> None:
    body = error_body(status, message, request_id_of(scope), field=field)
    headers = [(b"content-type", b"application/json")]
    if status == 503:  # noqa: PLR2004
        headers += [(b"retry-after", b"1"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(
        {
            "type": "http.response.body",
            "body": msgspec.json.encode(body),
            "more_body": False,
        }
    )
