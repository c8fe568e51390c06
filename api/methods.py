"""HEAD and OPTIONS, for every route: Litestar knows neither as HTTP has it.

To it, HEAD is a route of its own, and OPTIONS tells one method of several.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import Message, Receive, Scope, Send
from litestar.utils import normalize_path

ANY = "ANY"  # No route has it, so that all are asked which they have.


class Methods:
    """Before the routes of `app`."""

    def __init__(self, app: Litestar) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] in ("HEAD", "OPTIONS"):
            known = self._known(scope["path"])
            if scope["method"] == "OPTIONS" and known:
                send = _telling(allowed(known), send)
            elif "GET" in known and "HEAD" not in known:
                await self._head(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _known(self, path: str) -> str:
        """The methods of the routes at `path`; nothing if there are none."""
        try:
            self._app.asgi_router.handle_routing(normalize_path(path), ANY)
        except MethodNotAllowedException as refusal:
            return (refusal.headers or {})["allow"]
        except NotFoundException:
            return ""
        raise AssertionError(f"there is a route for {ANY}")

    async def _head(self, scope: Any, receive: Receive, send: Send) -> None:
        """The answer to a GET ends with its head, also if it is a stream."""
        has_ended = False

        async def send_head(message: Message) -> None:
            nonlocal has_ended
            if has_ended:
                return
            has_ended = True
            scope["method"] = "HEAD"
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        scope["method"] = "GET"
        try:
            await self._app(scope, receive, send_head)
        finally:
            scope["method"] = "HEAD"


def _telling(allow: str, send: Send) -> Send:
    """Litestar's own answer to OPTIONS, with all that is allowed."""

    async def send_allow(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [pair for pair in message["headers"] if pair[0] != b"allow"]
            message["headers"] = [*others, (b"allow", allow.encode())]
        await send(message)

    return send_allow


def allowed(known: str) -> str:
    """As a header tells it: with HEAD wherever there is GET."""
    methods = set(known.split(", "))
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
