"""One request: its id, its body read strictly, and a client that may go away."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import Empty, Scope
from uuid_utils import uuid4

from domain.choices import explained
from domain.errors import Invalid
from domain.field_path import within

BODY_BYTES_MAX = 256 * 1024
REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
JSON = "application/json"
PLAIN = "identity"
NESTED_MAX = 32


class StrictRequest(Request[Any, Any, Any]):
    """Decodes a JSON body right into the handler's `data`.

    Litestar would convert leniently, so that "3600" were a number.
    """

    async def body(self) -> bytes:
        """All of it. Litestar's would parse every header for its length alone."""
        if self._body is Empty:
            body, goes_on = bytearray(), True
            while goes_on:
                message: Any = await self.receive()
                if message["type"] == "http.disconnect":
                    raise HTTPException("the client went away", status_code=400)
                body += message.get("body", b"")
                if len(body) > BODY_BYTES_MAX:
                    raise HTTPException("the body is too large", status_code=413)
                goes_on = message.get("more_body", False)
            self._body = self._connection_state.body = bytes(body)
        return self._body

    async def json(self) -> Any:
        given = header(self.scope, b"content-type") or JSON
        kind = given.partition(";")[0].strip().lower()
        if kind != JSON:
            raise HTTPException(f"the body must be {JSON}", status_code=415)
        coding = (header(self.scope, b"content-encoding") or PLAIN).strip().lower()
        if coding != PLAIN:
            raise HTTPException("the body must not be compressed", status_code=415)
        handler = self.scope["route_handler"]
        field = handler.parsed_data_field
        return strictly(await self.body(), field.annotation if field else Any)


def strictly(body: bytes, kind: Any) -> Any:
    """What `body` says, as a `kind`; msgspec's errors or `Invalid` if it is none."""
    if b"\\u0000" in body or body.count(b"{") + body.count(b"[") > NESTED_MAX:
        _check(msgspec.json.decode(body), "body")
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise explained(error, kind) from error


def _check(value: Any, field: str, depth: int = 0) -> None:
    """Refuse NUL, which no text column can hold, and what is nested too deep."""
    if depth > NESTED_MAX:
        raise Invalid(f"{field} is nested more than {NESTED_MAX} deep", field=field)
    if isinstance(value, str) and "\0" in value:
        raise Invalid(f"{field} contains a NUL character", field=field)
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, field, depth + 1)
            _check(item, within(field, key) if depth else key, depth + 1)
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{field}[{number}]", depth + 1)


@cache
def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation)


async def gone(request: Request[Any, Any, Any]) -> None:
    """Returns when the client has closed the connection. The body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def header(scope: Scope, name: bytes) -> str:
    """A header's value, or nothing; Litestar's own would parse all of them for it."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return ""


def request_id_of(scope: Scope) -> str:
    """The caller's `X-Request-Id` if it is a decent one, else an id made up once."""
    state: dict[str, Any] = scope["state"]
    known: str | None = state.get("request_id")
    if known is None:
        known = decent_request_id(header(scope, b"x-request-id"))
        state["request_id"] = known
    return known


def decent_request_id(given: str) -> str:
    """`given` if it is one, else one made up."""
    return given if REQUEST_ID.fullmatch(given) else str(uuid4())
