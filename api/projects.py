"""Repositories: register, list, look at, change, remove."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.auth import allow
from api.deps import AtDesk, Views
from api.or_null import OrNull
from api.schemas import Answer, Body, Name
from domain.decider import Step
from domain.errors import ProjectNotFound
from domain.naming import fold, identifier_of, name_of
from domain.project import (
    RegisterProject,
    RetireProject,
    ReviseProject,
    project,
    stream_of,
)
from domain.roles import Role
from projections.directory import directory, sql
from projections.storage.reader import Reader

AnyRequest = Request[Any, Any, Any]
URL_LENGTH_MAX = 2_000
Url = Annotated[str, Meta(min_length=1, max_length=URL_LENGTH_MAX)]


class ProjectBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    identifier: Name
    remote_url: Url
    configuration: OrNull[dict[str, Any]] = {}


class ProjectPatch(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Only what is given changes."""

    remote_url: Url | UnsetType = UNSET
    configuration: dict[str, Any] | UnsetType = UNSET


class ProjectAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    identifier: str
    remote_url: str
    platform: str
    created_at: datetime
    updated_at: datetime
    version: int
    configuration: dict[str, Any]


class ProjectsController(Controller):
    path = "/projects"
    tags = ["Repositories"]

    @get(guards=[allow(Role.MEMBER)], summary="List repositories")
    async def list_projects(self, views: Views) -> list[ProjectAnswer]:
        """By identifier, all of them."""
        return [shown(row) for row in await rows(views, None)]

    @post(
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Register a repository",
    )
    async def register_project(
        self, data: JSONBody[ProjectBody], desk: AtDesk, views: Views
    ) -> ProjectAnswer:
        """409 when the identifier is registered, in whatever case.

        400 when `remoteUrl` has a password or a token in it: every member sees it.
        """
        identifier = identifier_of(data.identifier, "identifier")
        command = RegisterProject(
            by=desk.actor,
            identifier=identifier,
            remote_url=url_of(data.remote_url),
            configuration=data.configuration,
        )
        await desk.execute(Step(project, stream_of(identifier), command))
        return await one(views, identifier)

    @get(
        "/{identifier:path}",
        guards=[allow(Role.MEMBER)],
        summary="Look at a repository",
    )
    async def get_project(
        self, identifier: FromPath[str], desk: AtDesk, views: Views
    ) -> ProjectAnswer:
        """The identifier may be given in whatever case."""
        return await one(views, as_sent(desk.request, identifier))

    @patch(
        "/{identifier:path}",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Change a repository",
    )
    async def patch_project(
        self,
        identifier: FromPath[str],
        data: JSONBody[ProjectPatch],
        desk: AtDesk,
        views: Views,
    ) -> ProjectAnswer:
        """Only the fields given change."""
        url, identifier = data.remote_url, as_sent(desk.request, identifier)
        command = ReviseProject(
            by=desk.actor,
            remote_url=url if isinstance(url, UnsetType) else url_of(url),
            configuration=data.configuration,
        )
        await desk.execute(Step(project, stream_of(identifier), command))
        return await one(views, identifier)

    @delete(
        "/{identifier:path}",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Remove a repository",
    )
    async def delete_project(self, identifier: FromPath[str], desk: AtDesk) -> None:
        """409 while it has environments."""
        stream = stream_of(as_sent(desk.request, identifier))
        await desk.execute(Step(project, stream, RetireProject(by=desk.actor)))


def url_of(text: str) -> str:
    return name_of(text, "remoteUrl", slash=True, length_max=URL_LENGTH_MAX)


def as_sent(request: AnyRequest, routed: str) -> str:
    """The end of a path: `myorg%2Fmyrepo` arrives decoded.

    `ProjectNotFound` if a part of it is empty. The route has passed over that, and
    takes `/projects//myrepo`, of which a part got lost, for the repository `myrepo`.
    """
    path = unquote(request.scope["raw_path"].decode("ascii")).removesuffix("/")
    parent = request.scope["path_template"].partition("/{")[0].rpartition("/")[2]
    if not path.endswith(f"/{parent}{routed}"):
        raise ProjectNotFound("no such repository")
    return routed.removeprefix("/")


async def one(views: Reader, identifier: str) -> ProjectAnswer:
    """`ProjectNotFound` if it is not registered."""
    found = await rows(views, fold(identifier))
    if not found:
        raise ProjectNotFound("no such repository")
    return shown(found[0])


async def rows(views: Reader, project_id: str | None) -> list[Mapping[str, Any]]:
    """Of all repositories, or of the one with this folded identifier."""
    found = await views.read(directory, sql["list_projects"], {"id": project_id})
    return list(found.rows)


def shown(row: Mapping[str, Any]) -> ProjectAnswer:
    return ProjectAnswer(
        identifier=row["identifier"],
        remote_url=row["remote_url"],
        platform=row["platform"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        configuration=row["configuration"],
    )
