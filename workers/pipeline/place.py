"""Which environment a pipeline wants, and where its lock is on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from domain.errors import Invalid
from domain.ids import parse_id
from workers.pipeline.answers import TICKET, Found, Released
from workers.pipeline.server import PipelineError, Refused, Server, Told

SECONDS_MAX = 30.0  # So long may the server be away.
NO_SEGMENTS = {"", ".", ".."}  # Of a path: each is left out of it, or takes one away.
UNKNOWN = "ENVIRONMENT_NOT_FOUND"


@dataclass(frozen=True)
class Wanted:
    """`environment` is an id, or a name in `repository`. Times in seconds."""

    environment: str
    repository: str | None
    lease_seconds: int
    wait_seconds: float
    reason: str | None


@dataclass(frozen=True)
class Place:
    """An environment's lock: by its id, so that a new name for it changes nothing."""

    name: str
    path: str
    query: Mapping[str, str]


async def look(
    server: Server, environment: str, repository: str | None, kind: type[Told]
) -> Told:
    """`PipelineError` if there is none, or no repository says which."""
    query, where = dict[str, str](), ""
    try:
        path = f"/environments/{parse_id(environment, 'environment')}"
    except Invalid:
        if repository is None:
            raise PipelineError("--repository is missing: where the name is") from None
        if environment in NO_SEGMENTS:
            raise PipelineError("that names no environment") from None
        if "/" in environment:
            said = "a name has no slash: --repository says where it is"
            raise PipelineError(said) from None
        path = f"/environments/by-name/{quote(environment, safe='')}"
        query, where = {"repositoryIdentifier": repository}, f" in {repository}"
    try:
        return await server.ask("GET", path, kind, query=query, patience=SECONDS_MAX)
    except Refused as refusal:
        if refusal.code != UNKNOWN:
            raise
        raise PipelineError(
            f"there is no environment {environment}{where}: "
            "`berth locks` tells which there are"
        ) from None


async def find(server: Server, environment: str, repository: str | None) -> Place:
    """As `look` does."""
    found = await look(server, environment, repository, Found)
    return Place(
        name=found.name,
        path=f"/environments/{found.id}/lock",
        query={"repositoryName": found.repository_name},
    )


async def release(server: Server, place: Place, ticket_id: str) -> str:
    """What became of the ticket: `released`, `withdrawn`, or how it ended before."""
    if not TICKET.fullmatch(ticket_id):  # Or its path may be that of something else.
        raise PipelineError("that is no ticket")
    path, query = f"{place.path}/{ticket_id}", place.query
    ended = await server.ask(
        "DELETE", path, Released, query=query, patience=SECONDS_MAX
    )
    return ended.status
