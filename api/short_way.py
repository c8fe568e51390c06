"""A short way to the lock, for calls that are just as the documents show them.

What Litestar does for any call (route, layers, parameters, dependencies, three objects
for each response) costs a quarter of what such a call does. So whoever asks by the
plain path, with the repository and nothing else, is taken to the route's own guard and
handler directly. All else goes the ordinary way, which alone says what is wrong.
"""

from __future__ import annotations

import re
from inspect import signature
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import told_by
from api.place import Place, by_name, lock_by_id
from api.requests import StrictRequest, header
from api.whole_answer import JSON, send_whole

ROOT = "/sfp/api/environments/"
PATH = re.compile(
    rf"{ROOT}(?:([0-9a-f-]{{36}})|by-name/([\w.-]+))/lock"
    r"(?:/([\w-]+)(/acquire|/renew)?)?",
    re.ASCII,
)
QUERY = re.compile(rb"(repositoryName|repositoryIdentifier)=((?:[\w./-]|%2F)+)")
HOST = re.compile(r"[\w.:-]*", re.ASCII)
SLASH = b"%2F"

encode = msgspec.json.Encoder().encode


class Route(NamedTuple):
    """What the handler takes, by the names of its parameters."""

    template: str
    handler: HTTPRouteHandler
    takes: frozenset[str]


class Asked(NamedTuple):
    """A call as it stands in its URL. One of `id` and `name` is not there."""

    route: Route
    id: str | None
    name: str | None
    repository: str
    ticket_id: str | None


class ShortWay:
    """Before the routes of `app`. `ordinary`: the way to them that all else goes."""

    def __init__(self, app: Litestar, ordinary: ASGIApp) -> None:
        self._app = app
        self._ordinary = ordinary
        self._routes = {
            (method, route.path_format): Route(
                route.path_format, handler, frozenset(signature(handler.fn).parameters)
            )
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
            for method in handler.http_methods
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self._asked(scope) if scope["type"] == ScopeType.HTTP else None
        if asked is None:
            await self._ordinary(scope, receive, send)
            return
        self._route(scope, asked)
        request = StrictRequest(scope, receive, send)
        try:
            answer = await _answer(asked, request)
            body = b"" if isinstance(answer, Response) else encode(answer)
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            answer = told_by(error, request)
        if isinstance(answer, Response):
            response = answer.to_asgi_response(app=None, request=request)
            await response(scope, receive, send)
        else:
            await send_whole(send, asked.route.handler.status_code, [JSON], body)

    def _asked(self, scope: Any) -> Asked | None:
        """None if it is anything but plain."""
        path = PATH.fullmatch(scope["path"])
        query = QUERY.fullmatch(scope["query_string"])
        if path is None or query is None or not HOST.fullmatch(header(scope, b"host")):
            return None
        its_id, name, ticket_id, what = path.groups()
        if (its_id is None) is not (query[1] == b"repositoryIdentifier"):
            return None
        place = "{environment_id}" if its_id else "by-name/{name}"
        ticket = "/{ticket_id}" if ticket_id else ""
        template = f"{ROOT}{place}/lock{ticket}{what or ''}"
        route = self._routes.get((scope["method"], template))
        if route is None or "place" not in route.takes:
            return None
        repository = query[2].replace(SLASH, b"/").decode()
        return Asked(route, its_id, name, repository, ticket_id)

    def _route(self, scope: Any, asked: Asked) -> None:
        """Put into the scope what guards, errors and metrics look for there."""
        scope["app"] = scope["litestar_app"] = self._app
        scope["route_handler"] = asked.route.handler
        scope["path_template"] = asked.route.template
        params = {
            "environment_id": asked.id,
            "name": asked.name,
            "ticket_id": asked.ticket_id,
        }
        scope["path_params"] = {k: v for k, v in params.items() if v is not None}


async def _answer(asked: Asked, request: StrictRequest) -> Any:
    """What the handler says, once its guards let the caller pass."""
    handler, takes = asked.route.handler, asked.route.takes
    for guard in handler.resolve_guards():
        await guard(request, handler)  # type: ignore[misc]  # all of ours are async
    given: dict[str, Any] = {}
    if "data" in takes and await request.body():
        given["data"] = await request.json()
    if "request" in takes:
        given["request"] = request
    if "ticket_id" in takes:
        given["ticket_id"] = asked.ticket_id
    return await handler.fn(place=await _place(asked, request), **given)


async def _place(asked: Asked, request: StrictRequest) -> Place:
    if asked.id is not None:
        return lock_by_id(request, asked.id, asked.repository)
    assert asked.name is not None
    return await by_name(request, asked.name, asked.repository)
