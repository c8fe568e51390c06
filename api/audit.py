"""The audit: who read, changed, locked, released to or was turned away from what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from litestar import Controller, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from api.auth import allow
from api.deps import Views
from api.place import BY_ID, AtPlace, environments
from api.projects import one
from api.schemas import AuditRecord
from domain.naming import fold
from domain.roles import Role
from projections.audit_log import ACCESS_TYPES, audit_log, sql
from projections.storage.reader import Reader

AccessType = Annotated[
    str | None,
    QueryParameter(
        name="accessType",
        description=f"One of {', '.join(ACCESS_TYPES)}",
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=1_000)]
Offset = Annotated[int, QueryParameter(name="offset", ge=0, le=1_000_000_000)]


class AuditController(Controller):
    path = "/environments/{environment_id:str}/audit"
    dependencies = BY_ID
    tags = ["Environments"]

    @get(guards=[allow(Role.MEMBER)], summary="Who did what to an environment")
    async def get_audit(
        self,
        place: AtPlace,
        access_type: AccessType = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[AuditRecord]:
        """Reads, changes, locks, credentials and refusals, newest first."""
        found = await place.listed()
        page = Page(access_type, limit, offset)
        return await page.of(place.reader, [found.id])


class RepositoryAuditController(Controller):
    """The identifier has slashes of its own, which are decoded by the time we see them.

    Only the last part of a route may have any, so "/audit" is told apart here.
    """

    path = "/environments/repository"
    tags = ["Environments"]

    @get(
        "/{repository_identifier:path}",
        guards=[allow(Role.MEMBER)],
        summary="Who did what to the environments of a repository",
    )
    async def get_repository_audit(
        self,
        views: Views,
        repository_identifier: FromPath[str],
        access_type: AccessType = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> list[AuditRecord]:
        """Those that were deleted are left out."""
        identifier, _, last = repository_identifier.removeprefix("/").rpartition("/")
        if last != "audit":
            raise NotFoundException
        found = await environments(views, project=fold(identifier))
        if not found:
            await one(views, identifier)  # 404 if it is not registered.
        page = Page(access_type, limit, offset)
        return await page.of(views, [environment.id for environment in found])


@dataclass(frozen=True, slots=True)
class Page:
    access_type: str | None
    limit: int
    offset: int

    @property
    def access_types(self) -> list[str]:
        return list(ACCESS_TYPES) if self.access_type is None else [self.access_type]

    async def of(
        self, reader: Reader, environment_ids: Sequence[str]
    ) -> list[AuditRecord]:
        """The records of these environments, newest first."""
        values = {
            "environment_ids": environment_ids,
            "access_types": self.access_types,
            "limit": self.limit,
            "offset": self.offset,
        }
        records = await reader.read(audit_log, sql["audit_of_environments"], values)
        return [
            AuditRecord(
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
            for row in records.rows
        ]
