"""Environments: list, create, look at, change, delete; by id and by name."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec.structs import replace

from api.auth import allow
from api.credentials import for_reader, with_credentials
from api.deps import AtDesk, Views
from api.environment_orders import (
    DEV_HUB,
    USERNAME,
    require_orgs,
    retiring,
    revising,
    revision,
    tags_of,
    username,
)
from api.past import At, Filter, environment_then, environments_then
from api.place import BY_ID, BY_NAME, AtPlace, environments
from api.present import environment_answer
from api.projects import one
from api.schemas import (
    EnvironmentAnswer,
    EnvironmentBody,
    EnvironmentPatch,
    GroupedEnvironments,
)
from domain.access import CredentialKind
from domain.decider import Step
from domain.environment.details import RegisterEnvironment
from domain.environment.environment import environment
from domain.environment.events import Category, EnvironmentRegistered
from domain.errors import EnvironmentNotFound, Invalid
from domain.naming import fold, name_of
from domain.project import AddEnvironment, project, stream_of
from domain.roles import Role
from projections.environment_listing import Listed
from projections.storage.reader import Reader

RepositoryFilter = Annotated[str | None, QueryParameter(name="repositoryIdentifier")]
ActiveFilter = Annotated[bool | None, QueryParameter(name="isActive")]
CategoryFilter = Annotated[Category | None, QueryParameter(name="category")]
BranchFilter = Annotated[str | None, QueryParameter(name="branch")]
TagsFilter = Annotated[
    list[str] | None,
    QueryParameter(name="tags", description="All of them; repeat, or use commas"),
]
# As axios and PHP spell what is repeated.
TagsInBrackets = Annotated[
    list[str] | None, QueryParameter(name="tags[]", include_in_schema=False)
]
WantedCredentials = Annotated[
    CredentialKind | None,
    QueryParameter(name="authType", description="accessToken or sfdxAuthUrl"),
]


class EnvironmentsController(Controller):
    path = "/environments"
    tags = ["Environments"]

    @get(guards=[allow(Role.MEMBER)], summary="List environments")
    async def list_environments(
        self,
        desk: AtDesk,
        repository_identifier: RepositoryFilter = None,
        category: CategoryFilter = None,
        is_active: ActiveFilter = None,
        branch: BranchFilter = None,
        tags: TagsFilter = None,
        tags_in_brackets: TagsInBrackets = None,
        at: At = None,
    ) -> list[EnvironmentAnswer] | GroupedEnvironments:
        """Grouped by category, or a flat array when one category is asked for.

        With `at`, those that there were then, 500 at most: 400 if they are more.
        """
        said = [*(tags or ()), *(tags_in_brackets or ())]
        wanted = Filter(
            project=fold(repository_identifier) if repository_identifier else None,
            category=category,
            is_active=is_active,
            branch=branch or None,
            tags=[t for tag in said for t in tag.split(",") if t] or None,
        )
        if at is None:
            found = await environments(desk.services.reader, **wanted._asdict())
        else:
            found = await environments_then(desk, at, wanted)
        answers = [environment_answer(one, one.at, with_people=False) for one in found]
        if category is not None:
            return answers
        groups: dict[str, list[EnvironmentAnswer]] = {c.value: [] for c in Category}
        for answer in answers:
            groups[answer.category].append(answer)
        return GroupedEnvironments(**groups)

    @post(
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Create an environment",
    )
    async def create_environment(
        self, data: JSONBody[EnvironmentBody], desk: AtDesk, views: Views
    ) -> EnvironmentAnswer:
        """404: unknown repository or org. 409: the name or username is taken.

        `repositoryIdentifier` may be given in whatever case, and is told as registered.
        """
        environment_id, by = desk.new_id(), desk.actor
        asked = name_of(data.repository_identifier, "repositoryIdentifier", slash=True)
        registered = EnvironmentRegistered(
            repository=asked,
            name=name_of(data.name, "name"),
            category=data.category,
            description=data.description,
            salesforce_username=username(data.salesforce_username, USERNAME),
            dev_hub_username=username(data.dev_hub_username, DEV_HUB),
            is_active=data.is_active,
            metadata=data.metadata,
            tags=tags_of(data.tags),
            branch=data.branch,
            claim_window_seconds=data.claim_window_seconds,
        )
        add = AddEnvironment(
            by=by,
            environment_id=environment_id,
            name=registered.name,
            category=registered.category,
            salesforce_username=registered.salesforce_username,
            is_active=registered.is_active,
            is_default=data.is_default,
        )
        known = await one(views, asked)
        registered = replace(registered, repository=known.identifier)
        await desk.execute(
            Step(project, stream_of(asked), add),
            *require_orgs(
                desk,
                {
                    USERNAME: registered.salesforce_username,
                    DEV_HUB: registered.dev_hub_username,
                },
            ),
            Step(
                environment,
                environment_id,
                RegisterEnvironment(by=by, registered=registered),
                fresh=True,
            ),
        )
        return await shown(views, environment_id)


class OneEnvironment(Controller):
    """What can be done to one environment, however it was named."""

    tags = ["Environments"]

    @get(guards=[allow(Role.MEMBER)], summary="Look at an environment")
    async def get_environment(
        self,
        place: AtPlace,
        auth_type: WantedCredentials = None,
        at: At = None,
    ) -> EnvironmentAnswer:
        """`authType` adds credentials of the org, for an application or an owner.

        With `at` it is told as it was then: 404 before it was created, and once it was
        deleted. What was deleted since is for owners to see.
        """
        if at is not None and auth_type is not None:
            raise Invalid("credentials are those of now: leave at out", field="at")
        found = await (place.listed() if at is None else environment_then(place, at))
        if auth_type is None:
            await place.desk.note_read(found.id, found.details.repository)
            return environment_answer(found, found.at)
        told = await for_reader(place.desk, found.id, found.details, auth_type)
        return with_credentials(environment_answer(found, found.at), told, auth_type)

    @patch(
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Change an environment",
    )
    async def patch_environment(
        self, data: JSONBody[EnvironmentPatch], place: AtPlace
    ) -> EnvironmentAnswer:
        """Only the fields given change. 409: a name or username is taken, or locked."""
        revised = revision(data)

        async def change(found: Listed) -> str:
            await place.desk.execute(*revising(place, found, revised, data.is_default))
            return found.id

        return await shown(place.reader, await place.on_listed(change))

    @delete(
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Delete an environment",
    )
    async def delete_environment(self, place: AtPlace) -> None:
        """409 while it is locked. Its history stays in the journal, for owners."""

        async def remove(found: Listed) -> None:
            await place.desk.execute(*retiring(place, found))

        await place.on_listed(remove)


class EnvironmentById(OneEnvironment):
    path = "/environments/{environment_id:str}"
    dependencies = BY_ID


class EnvironmentByName(OneEnvironment):
    path = "/environments/by-name/{name:str}"
    dependencies = BY_NAME


async def shown(views: Reader, environment_id: str) -> EnvironmentAnswer:
    """As it is now; somebody may have deleted it meanwhile."""
    found = await environments(views, id=environment_id)
    if not found:
        raise EnvironmentNotFound("no such environment")
    return environment_answer(found[0], found[0].at)
