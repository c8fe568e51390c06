"""For load balancers and people: alive, ready, and how busy. No token needed."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from msgspec import UNSET, Struct, UnsetType

from domain.errors import JournalUnavailable, Stopping
from projections.storage.migrate import names

AnyRequest = Request[Any, Any, Any]
OPEN = {"is_open": True}


class Health(Struct, frozen=True, rename="camel"):
    """`waiting` counts the long polls parked in the process that answers.

    `following`, those who follow its events. `log` is `refused` while nothing is signed
    any more, since the journal is not what was sealed; `logRefused` says why.
    """

    status: str
    waiting: int = 0
    following: int = 0
    log: str | UnsetType = UNSET
    log_refused: str | UnsetType = UNSET


@get("/ping", opt=OPEN, summary="Is anybody there?", tags=["Health"])
async def ping() -> Health:
    """It asks nobody else."""
    return Health("ok")


@get("/health/live", opt=OPEN, summary="Does the process run?", tags=["Health"])
async def get_liveness(request: AnyRequest) -> Health:
    """Whatever the database does. `waiting` counts the calls that wait here."""
    services = request.app.state.services
    return Health("ok", services.journal.waiting, services.feed.followers)


@get("/health/ready", opt=OPEN, summary="Can it serve requests?", tags=["Health"])
async def get_readiness(request: AnyRequest) -> Health:
    """503 while the database does not answer or lacks a migration, or when stopping.

    A log that is refused is told, and no reason not to serve: see docs/log.md.
    """
    services = request.app.state.services
    if services.journal.is_closing:
        raise Stopping("this process is stopping")
    applied = await services.reader.migrations()
    if missing := set(names()) - set(applied):
        raise JournalUnavailable(f"{len(missing)} migrations are missing")
    refusal = await services.log.refusal()
    return Health(
        "ok",
        services.journal.waiting,
        services.feed.followers,
        "refused" if refusal else "ok",
        refusal or UNSET,
    )


HEALTH = [ping, get_liveness, get_readiness]
