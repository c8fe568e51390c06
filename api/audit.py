"""The audit of one environment: who read, changed, locked or was turned away."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter

from api.auth import allow
from api.place import BY_ID, AtPlace
from api.schemas import AuditRecord
from domain.roles import Role
from projections.audit_log import audit_log, sql

AccessType = Annotated[
    str | None,
    QueryParameter(
        name="accessType",
        description="read, create, update, lock, credentials or refused",
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
        found = await place.listed()
        values = {
            "environment_id": found.id,
            "access_type": access_type,
            "limit": limit,
            "offset": offset,
        }
        records = await place.reader.read(
            audit_log, sql["audit_of_environment"], values
        )
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
