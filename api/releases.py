"""Releases: what was deployed to an environment, recorded and told newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from api.auth import allow
from api.locks import find_ticket
from api.page_limit import page_limit
from api.place import BY_ID, BY_NAME, AtPlace, Place
from api.schemas import Answer, Body, Name
from domain.decider import Step
from domain.environment.environment import environment
from domain.environment.requirement import RequireEnvironment, RequireHold, Requirement
from domain.errors import AnswerLost, Invalid, NotHolder, StaleFence, TicketNotFound
from domain.naming import fold, name_of
from domain.release import (
    PublishRelease,
    Release,
    ReleasePublished,
    release,
    stream_of,
)
from domain.roles import Role
from projections.environment_listing import Listed
from projections.release_history import release_history, sql

METADATA_BYTES_MAX = 64 * 1024
Instant = Annotated[datetime, Meta(tz=True)]
DomainFilter = Annotated[
    str | None,
    QueryParameter(name="domain", description="Those of one release configuration"),
]
LIMIT_MAX = 1_000
Limit = Annotated[int, page_limit(LIMIT_MAX)]
Offset = Annotated[int, QueryParameter(name="offset", ge=0, le=1_000_000_000)]


class ReleaseBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`publishedAt` is now unless given; `ticketId` is that of the lock held for it."""

    name: Name
    domain: Name
    published_at: Instant | None = None
    metadata: dict[str, Any] | None = None
    ticket_id: Name | None = None


class ReleaseAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    name: str
    domain: str
    target_org: str
    published_at: datetime
    repo_identifier: str
    metadata: dict[str, Any]


class ReleasePublishedAnswer(ReleaseAnswer, frozen=True, kw_only=True, rename="camel"):
    """`fence` is that of the lock under which it was published, if there was one."""

    id: str
    ticket_id: str | None
    fence: int | None
    published_by: str


class ReleasesAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    environment_id: str
    environment_name: str
    repository_identifier: str
    releases: list[ReleaseAnswer]
    total_count: int
    limit: int
    offset: int
    retrieved_at: datetime


class ReleaseRoutes(Controller):
    """The releases of one environment, however it was named."""

    tags = ["Environment releases"]

    # The ticket is looked up before anything is executed, so the guard goes first.
    @post(guards=[allow(Role.APPLICATION)], summary="Record a release")
    async def publish_release(
        self, place: AtPlace, data: JSONBody[ReleaseBody]
    ) -> ReleasePublishedAnswer:
        """Again under the same lock: once. 409: other facts, or the lock is over."""
        name = name_of(data.name, "name", slash=True)
        domain = name_of(data.domain, "domain", slash=True)
        check_size(data.metadata)
        release_id = place.desk.new_id()

        async def publish(found: Listed) -> ReleasePublished:
            command = PublishRelease(
                by=place.desk.actor,
                release_id=release_id,
                environment_id=found.id,
                repository=found.details.repository,
                target_org=found.details.name,
                name=name,
                domain=domain,
                published_at=data.published_at,
                metadata=data.metadata,
                ticket_id=data.ticket_id,
                fence=await fence_of(place, found, data.ticket_id),
            )
            return await published(place, command)

        return published_answer(await place.on_listed(publish))

    @get(guards=[allow(Role.MEMBER)], summary="List the releases of an environment")
    async def list_releases(
        self,
        place: AtPlace,
        domain: DomainFilter = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> ReleasesAnswer:
        """The one that was published last comes first."""
        limit = min(limit, LIMIT_MAX)
        found = await place.listed()
        await place.desk.note_read(found.id, found.details.repository)
        values = {
            "environment_id": found.id,
            "domain_key": None if domain is None else fold(domain),
            "limit": limit,
            "offset": offset,
        }
        page = await place.reader.read(
            release_history, sql["releases_of_environment"], values
        )
        return ReleasesAnswer(
            environment_id=found.id,
            environment_name=found.details.name,
            repository_identifier=found.details.repository,
            releases=[listed_answer(row) for row in page.rows if row["id"]],
            total_count=page.rows[0]["total_count"],
            limit=limit,
            offset=offset,
            retrieved_at=page.at,
        )


class ReleasesById(ReleaseRoutes):
    path = "/environments/{environment_id:str}/releases"
    dependencies = BY_ID


class ReleasesByName(ReleaseRoutes):
    path = "/environments/by-name/{name:str}/releases"
    dependencies = BY_NAME


def check_size(metadata: dict[str, Any] | None) -> None:
    """`Invalid` if it is larger, as JSON, than `METADATA_BYTES_MAX`."""
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        raise Invalid(
            f"metadata is larger than {METADATA_BYTES_MAX // 1024} KiB",
            field="metadata",
        )


async def fence_of(place: Place, found: Listed, ticket_id: str | None) -> int | None:
    """The fence that the caller's ticket was given; whether it holds is not asked."""
    if ticket_id is None:
        return None
    queue = found.environment.queue
    ticket = queue.tickets.get(ticket_id) or await find_ticket(place, ticket_id)
    if not place.desk.actor.is_same_as(ticket.requested_by, ticket.application):
        refusal = NotHolder("only its holder may use this ticket")
        await place.desk.refused(refusal)
        raise refusal
    return ticket.fence


async def published(place: Place, command: PublishRelease) -> ReleasePublished:
    """What is on record now: this publication, or the one that it repeats."""
    environment_id = command.environment_id
    stream = stream_of(environment_id, command.domain, command.name)
    required = requirement(place, command)
    try:
        outcome = await place.desk.execute(
            Step(environment, environment_id, required), Step(release, stream, command)
        )
    except (StaleFence, TicketNotFound):
        # The lock is over, and maybe long forgotten; but was the release in time?
        again = msgspec.structs.replace(command, is_again=True)
        outcome = await place.desk.execute(Step(release, stream, again))
    state: Release = outcome.states[-1]
    if state.latest is None:  # Recorded in an earlier attempt, of another environment.
        raise AnswerLost("the release is recorded where the name led at that time")
    return state.latest


def requirement(place: Place, command: PublishRelease) -> Requirement:
    """That it is the environment meant, and held with the ticket, if there is one."""
    by, repository, name = command.by, place.repository, place.name
    if command.ticket_id is None or command.fence is None:
        return RequireEnvironment(by=by, repository=repository, name=name)
    return RequireHold(
        by=by,
        repository=repository,
        name=name,
        ticket_id=command.ticket_id,
        fence=command.fence,
    )


def published_answer(latest: ReleasePublished) -> ReleasePublishedAnswer:
    return ReleasePublishedAnswer(
        id=latest.release_id,
        name=latest.name,
        domain=latest.domain,
        target_org=latest.target_org,
        published_at=latest.published_at,
        repo_identifier=latest.repository,
        metadata=latest.metadata,
        ticket_id=latest.ticket_id,
        fence=latest.fence,
        published_by=latest.published_by,
    )


def listed_answer(row: Mapping[str, Any]) -> ReleaseAnswer:
    return ReleaseAnswer(
        name=row["name"],
        domain=row["domain"],
        target_org=row["target_org"],
        published_at=row["published_at"],
        repo_identifier=row["repository"],
        metadata=row["metadata"],
    )
