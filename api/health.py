"""For load balancers and people: alive, ready, and how busy. No token needed."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from domain.errors import JournalUnavailable
from projections.storage.migrate import names

AnyRequest = Request[Any, Any, Any]
OPEN = {"is_open": True}
WAITING = Gauge("berth_waiting_calls", "Long polls parked in this process")


class Health(Struct, frozen=True, rename="camel"):
    """`waiting` counts the long polls parked in the process that answers."""

    status: str
    waiting: int = 0


@get("/ping", opt=OPEN, summary="Is anybody there?", tags=["Health"])
async def ping() -> Health:
    """It asks nobody else."""
    return Health("ok")


@get("/health/live", opt=OPEN, summary="Does the process run?", tags=["Health"])
async def live(request: AnyRequest) -> Health:
    """Whatever the database does. `waiting` counts the calls that wait here."""
    return Health("ok", request.app.state.services.journal.waiting)


@get("/health/ready", opt=OPEN, summary="Can it serve requests?", tags=["Health"])
async def ready(request: AnyRequest) -> Health:
    """503 while the database does not answer or lacks a migration."""
    services = request.app.state.services
    if services.journal.is_closing:
        raise JournalUnavailable("this process is stopping")
    applied = await services.reader.migrations()
    if missing := set(names()) - set(applied):
        raise JournalUnavailable(f"{len(missing)} migrations are missing")
    return Health("ok", services.journal.waiting)


@get("/metrics", opt=OPEN, include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    WAITING.set(request.app.state.services.journal.waiting)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
