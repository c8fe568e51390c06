"""The machine's own limit for HTTP: Litestar routes that do nothing, on our server."""

from __future__ import annotations

import sys
from typing import Any

import uvloop
from litestar import Litestar, get, post
from litestar.params import JSONBody
from msgspec import Struct

from api.server import serve


class Asked(Struct, rename="camel", forbid_unknown_fields=True):
    lease_duration_seconds: int
    reason: str


class Told(Struct, rename="camel"):
    ticket_id: str


@post("/ask")
async def ask(data: JSONBody[Asked]) -> Told:
    return Told(data.reason)


@get("/ask", sync_to_thread=False)
def look() -> Told:
    return Told("ticket_0")


@get("/sfp/api/ready", sync_to_thread=False)
def ready() -> Told:
    return Told("ready")


def main(port: int) -> int:
    app: Any = Litestar([ask, look, ready], openapi_config=None, logging_config=None)
    return uvloop.run(serve(app, "127.0.0.1", port, lambda: None))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
