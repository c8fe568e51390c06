"""The order in which a repository's environments of one category are deployed to."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, put
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from api.auth import allow
from api.deps import AtDesk, Views
from api.place import Repository, environments
from api.projects import one
from api.schemas import Body, Name
from domain.decider import Step
from domain.environment.events import Category
from domain.naming import fold
from domain.orchestration import OrderEnvironments
from domain.project import Project, project, stream_of
from domain.roles import Role

OfCategory = Annotated[Category, QueryParameter(name="category")]
IncludeInactive = Annotated[
    bool,
    QueryParameter(
        name="includeInactive", description="Whether inactive environments count, too"
    ),
]


class OrderBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """The names of all environments that shall have a place, the first one first."""

    environment_order: Annotated[tuple[Name, ...], Meta(max_length=1_000)]


class OrchestrationController(Controller):
    path = "/environments/orchestration-order"
    tags = ["Environments"]

    @get(guards=[allow(Role.MEMBER)], summary="In which order to deploy")
    async def get_orchestration_order(
        self,
        views: Views,
        repository_identifier: Repository,
        category: OfCategory,
        include_inactive: IncludeInactive = False,
    ) -> list[str]:
        """Names, the first one to be deployed to first."""
        found = await environments(
            views, project=fold(repository_identifier), category=category
        )
        if not found:
            await one(views, repository_identifier)  # 404 if it is not registered.
        places = {
            environment.orchestration_order: environment.details.name
            for environment in found
            if environment.orchestration_order is not None
            and (include_inactive or environment.details.is_active)
        }
        return [places[place] for place in sorted(places)]

    @put(
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Set the order in which to deploy",
    )
    async def put_orchestration_order(
        self,
        data: JSONBody[OrderBody],
        desk: AtDesk,
        repository_identifier: Repository,
        category: OfCategory,
        include_inactive: IncludeInactive = False,
    ) -> list[str]:
        """All of it: who is left out loses its place. 400 names who will not do."""
        command = OrderEnvironments(
            by=desk.actor,
            category=category,
            names=data.environment_order,
            include_inactive=include_inactive,
        )
        step = Step(project, stream_of(repository_identifier), command)
        state: Project = (await desk.execute(step)).states[0]
        ordered = state.orders.get(category, ())
        return [state.environments[environment_id].name for environment_id in ordered]
