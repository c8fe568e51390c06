"""The audit: who read, changed, locked, released to or was turned away from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter, SkipValidation

from api.auth import allow
from api.deps import AtDesk, Views
from api.page_limit import page_limit
from api.past import From, To, range_of
from api.place import BY_ID, AtPlace, environments
from api.projects import as_sent, one
from api.schemas import AuditRecord
from domain.naming import fold
from domain.roles import Role
from projections.audit_log import ACCESS_TYPES, audit_log, sql
from projections.storage.reader import Reader

CALLER_LENGTH_MAX = 1_000
AccessType = Annotated[
    str | None,
    QueryParameter(
        name="accessType",
        description=f"One of {', '.join(ACCESS_TYPES)}",
    ),
]
LIMIT_MAX = 1_000
Limit = Annotated[int, page_limit(LIMIT_MAX)]
Offset = Annotated[int, QueryParameter(name="offset", ge=0, le=1_000_000_000)]
# How many positions are looked through at first; and by how much more if that was few.
SPAN = 5_000
WIDER = 8
ACCESSED_BY = QueryParameter(
    name="accessedBy",
    min_length=1,
    max_length=CALLER_LENGTH_MAX,
    description="Whose doing it was, as `accessed_by` tells",
)
AccessedBy = Annotated[str | None, ACCESSED_BY]
OneCaller = Annotated[str, ACCESSED_BY]


@dataclass(frozen=True, slots=True)
class Page:
    """Of the records from the position `first` to `last`, newest first."""

    reader: Reader
    access_type: str | None
    first: int
    last: int
    limit: int
    offset: int

    @property
    def access_types(self) -> list[str]:
        return list(ACCESS_TYPES) if self.access_type is None else [self.access_type]

    async def of(
        self, environment_ids: Sequence[str] | None, accessed_by: str | None
    ) -> list[AuditRecord]:
        """Those of these environments, or of all; and of one caller, or of all.

        Of each of many, no more is read than what happened lately, if that is enough.
        """
        is_one = environment_ids is not None and len(environment_ids) == 1
        span = self.last if is_one else max(SPAN, self.offset + self.limit)
        while True:
            first = max(self.first, self.last - span + 1)
            rows = await self._rows(first, environment_ids, accessed_by)
            if len(rows) == self.limit or first == self.first:
                return [_record(row) for row in rows]
            span *= WIDER

    async def _rows(
        self, first: int, environment_ids: Sequence[str] | None, accessed_by: str | None
    ) -> Sequence[Mapping[str, Any]]:
        values = {
            "environment_ids": environment_ids,
            "access_types": self.access_types,
            "accessed_by": accessed_by,
            "first": first,
            "last": self.last,
            "limit": self.limit,
            "offset": self.offset,
        }
        found = await self.reader.read(audit_log, sql["audit_of_environments"], values)
        return found.rows


def _record(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        id=row["id"],
        environment_id=row["environment_id"],
        repository_identifier=row["repository"],
        accessed_by=row["accessed_by"],
        accessed_by_application=row["accessed_by_application"],
        access_type=row["access_type"],
        access_details=row["access_details"],
        ip_address=row["ip_address"],
        user_agent=row["user_agent"],
        accessed_at=row["accessed_at"],
    )


async def page_of(
    desk: AtDesk,
    access_type: AccessType = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page:
    """`Invalid` if `from` or `to` is no instant, or they are reversed."""
    services = desk.services
    first, last = await range_of(services.history, from_, to)
    last = min(last, await services.feed.events.tip())
    limit = min(limit, LIMIT_MAX)
    return Page(services.reader, access_type, first, last, limit, offset)


AtPage = NamedDependency[SkipValidation[Page]]
PAGE = {"page": Provide(page_of)}


class AuditController(Controller):
    path = "/environments/{environment_id:str}/audit"
    dependencies = BY_ID | PAGE
    tags = ["Audit"]

    @get(guards=[allow(Role.MEMBER)], summary="Who did what to an environment")
    async def get_environment_audit(
        self, place: AtPlace, page: AtPage, accessed_by: AccessedBy = None
    ) -> list[AuditRecord]:
        """Reads, changes, locks, credentials and refusals, newest first."""
        found = await place.listed()
        return await page.of([found.id], accessed_by)


class RepositoryAuditController(Controller):
    """The identifier has slashes of its own, which are decoded by the time we see them.

    Only the last part of a route may have any, so "/audit" is told apart here.
    """

    path = "/environments/repository"
    dependencies = PAGE
    tags = ["Audit"]

    @get(
        "/{repository_identifier:path}",
        guards=[allow(Role.MEMBER)],
        summary="Who did what to the environments of a repository",
    )
    async def get_repository_audit(
        self,
        desk: AtDesk,
        views: Views,
        page: AtPage,
        repository_identifier: FromPath[str],
        accessed_by: AccessedBy = None,
    ) -> list[AuditRecord]:
        """Those that were deleted are left out."""
        whole = as_sent(desk.request, repository_identifier)
        identifier, _, last = whole.rpartition("/")
        if last != "audit":
            raise NotFoundException
        found = await environments(views, project=fold(identifier))
        if not found:
            await one(views, identifier)  # 404 if it is not registered.
        return await page.of([environment.id for environment in found], accessed_by)


class CallerAuditController(Controller):
    path = "/audit"
    dependencies = PAGE
    tags = ["Audit"]

    @get(guards=[allow(Role.MEMBER)], summary="What one caller did, wherever")
    async def get_audit_of_caller(
        self, page: AtPage, accessed_by: OneCaller
    ) -> list[AuditRecord]:
        """To all environments there are: those that were deleted are left out."""
        return await page.of(None, accessed_by)
