"""What is installed in an environment's org, as the org itself tells it."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter
from msgspec.structs import asdict

from api.auth import allow
from api.credentials import refusing
from api.place import BY_ID, BY_NAME, AtPlace
from api.schemas import ArtifactAnswer, ArtifactsAnswer
from domain.roles import Role
from workers.salesforce.registered import org_of

ForceRefresh = Annotated[
    bool,
    QueryParameter(
        name="forceRefresh", description="Ask the org, even within the hour"
    ),
]


class ArtifactRoutes(Controller):
    tags = ["Salesforce"]

    @get(guards=[allow(Role.MEMBER)], summary="What is installed in the org")
    async def get_artifacts(
        self, place: AtPlace, force_refresh: ForceRefresh = False
    ) -> ArtifactsAnswer:
        """At most an hour old. 400 when the org does not tell, with the reason.

        429 when a process has asked an org 20 times, and then more than once a minute.
        """
        found = await place.listed()
        desk, details = place.desk, found.details
        await desk.note_read(found.id, details.repository)
        with refusing("retrieve artifacts"):
            org = await org_of(desk, details.salesforce_username, desk.actor)
            inventory = desk.services.inventory
            said = await inventory.of(org.credential_id, force=force_refresh)
        return ArtifactsAnswer(
            environment_id=found.id,
            environment_name=details.name,
            salesforce_username=org.username,
            artifacts=[ArtifactAnswer(**asdict(one)) for one in said.artifacts],
            retrieved_at=said.retrieved_at,
            cached=said.cached,
        )


class ArtifactsById(ArtifactRoutes):
    path = "/environments/{environment_id:str}/artifacts"
    dependencies = BY_ID


class ArtifactsByName(ArtifactRoutes):
    path = "/environments/by-name/{name:str}/artifacts"
    dependencies = BY_NAME
