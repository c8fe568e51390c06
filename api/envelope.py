"""What every response has in common, whoever made it: headers, and never a hang-up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import perf_counter

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import UNSET, UnsetType

from api.errors import error_body
from api.requests import request_id_of
from api.whole_answer import JSON, send_whole
from domain.errors import Stopping
from workers.logs import ASKED

GONE = 499  # As nginx counts those who did not wait for their answer.
CLOSE = (b"connection", b"close")
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
# To msgspec, the text "null" is a value of every parameter that may be absent.
NULL = re.compile(
    rb"(?:^|&)(attempt|authType|category|earlier|force|isActive|outcome|priority|scheduleType|size|status|timeoutSeconds|to)=null"
    rb"(?:&|$)"
)
# As a form spells a filter of the list that is not set. To the others, an empty text is
# none already.
EMPTY = re.compile(rb"(?<![^&])(category|isActive)=(?=&|$)")

Answered = Callable[[Scope, int, float], None]


class Envelope:
    """The outermost layer of the application.

    `answered` is told of each request, and how long it took. Once `is_closing`, nobody
    is to ask on the same connection again.
    """

    def __init__(
        self, app: ASGIApp, answered: Answered, is_closing: Callable[[], bool]
    ) -> None:
        self._app = app
        self._answered = answered
        self._is_closing = is_closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        state = scope["state"] = {}
        request_id = request_id_of(scope)
        ASKED.set(state)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                present = {name for name, _ in headers}
                headers += [pair for pair in HEADERS if pair[0] not in present]
                if self._is_closing() and b"connection" not in present:
                    headers.append(CLOSE)
                message["headers"] = headers
            await send(message)

        try:
            _leave_out_empty(scope)
            if refusal := _refusal(scope):
                await _answer(scope, send_with_headers, 400, *refusal)
            else:
                await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            if status:
                raise
            if "is_gone" not in state:
                why = "this process is stopping; ask again"
                await _answer(scope, send_with_headers, 503, why, code=Stopping.code)
        finally:
            self._answered(scope, status or GONE, perf_counter() - began)


def _leave_out_empty(scope: Scope) -> None:
    query = scope["query_string"]
    if query.endswith(b"=") or b"=&" in query:
        scope["query_string"] = EMPTY.sub(b"", query)


def _refusal(scope: Scope) -> tuple[str, str] | None:
    """Why the URL makes no sense to any route, and which part of it."""
    if field := _unreadable(scope):
        return f"the {field} has a character that no text can have", field
    query = scope["query_string"]
    if b"=null" in query and (null := NULL.search(query)):
        field = null[1].decode()
        return f"{field}: null is none of its values", field
    return None


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
    code: str | None = None,
) -> None:
    body = error_body(status, message, request_id_of(scope), code, field)
    headers = [JSON]
    if status == 503:  # noqa: PLR2004
        headers += [(b"retry-after", b"1"), CLOSE]
    await send_whole(send, status, headers, msgspec.json.encode(body))
