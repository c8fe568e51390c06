"""One request: its id, its body read strictly, and a client that may go away."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import Scope

from domain.errors import Invalid
from domain.ids import new_id

BODY_BYTES_MAX = 256 * 1024
REQUEST_ID = re.compile(rb"[\w.:/+=-]{1,128}\Z", re.ASCII)
JSON = "application/json"
PLAIN = "identity"
NESTED_MAX = 32


class StrictRequest(Request[Any, Any, Any]):
    """Decodes a JSON body right into the handler's `data`.

    Litestar would convert leniently, so that "3600" were a number.
    """

    async def json(self) -> Any:
        kind = self.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind != JSON:
            raise HTTPException(f"the body must be {JSON}", status_code=415)
        coding = self.headers.get("content-encoding", PLAIN).strip().lower()
        if coding != PLAIN:
            raise HTTPException("the body must not be compressed", status_code=415)
        body = await self.body()
        if b"\\u0000" in body or body.count(b"{") + body.count(b"[") > NESTED_MAX:
            _check(msgspec.json.decode(body), "body")
        handler = self.scope["route_handler"]
        field = handler.parsed_data_field
        return _decoder(field.annotation if field else Any).decode(body)


def _check(value: Any, field: str, depth: int = 0) -> None:
    """Refuse NUL, which no text column can hold, and what is nested too deep."""
    if depth > NESTED_MAX:
        raise Invalid(f"{field} is nested more than {NESTED_MAX} deep", field=field)
    if isinstance(value, str) and "\0" in value:
        raise Invalid(f"{field} contains a NUL character", field=field)
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, field, depth + 1)
            _check(item, field if depth else key, depth + 1)
    if isinstance(value, list):
        for item in value:
            _check(item, field, depth + 1)


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation)


async def gone(request: Request[Any, Any, Any]) -> None:
    """Returns when the client has closed the connection. The body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def request_id_of(scope: Scope) -> str:
    """The caller's `X-Request-Id` if it is a decent one, else an id made up once."""
    state: dict[str, Any] = scope["state"]
    known: str | None = state.get("request_id")
    if known is None:
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        known = given.decode() if REQUEST_ID.match(given) else new_id()
        state["request_id"] = known
    return known
