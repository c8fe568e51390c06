"""Which environment a request means: by its id, or by its name in a repository.

Names are remembered, never trusted: the command carries what the caller said, and the
environment's own rules check it. What turns out to be outdated is looked up again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from api.deps import Desk, provide_desk
from domain.decider import Outcome, Step
from domain.environment.command import EnvironmentCommand
from domain.environment.environment import check_is_meant, environment
from domain.errors import EnvironmentNotFound
from domain.ids import parse_id
from domain.naming import fold
from projections.environment_listing import Listed, environment_listing, listed, sql
from projections.recent_holds import with_past_holds
from projections.storage.reader import Reader
from workers.wiring import Services

T = TypeVar("T")
REMEMBERED_MAX = 20_000
AT = "at"  # The parameter of those who look at the past.
NO_FILTER: dict[str, Any] = dict.fromkeys(
    ("id", "project", "name_key", "category", "is_active", "branch", "tags")
)
AnyRequest = Request[Any, Any, Any]
Repository = Annotated[
    str,
    QueryParameter(
        name="repositoryIdentifier", description="Repository, e.g. owner/repo"
    ),
]
RepositoryName = Annotated[
    str,
    QueryParameter(
        name="repositoryName", description="The repository's name, for a check"
    ),
]


async def environments(reader: Reader, **wanted: Any) -> list[Listed]:
    """The environments as they are now; a filter that is not given lets all pass."""
    found = await reader.read(
        environment_listing, sql["list_environments"], NO_FILTER | wanted
    )
    return await with_past_holds(reader, [listed(row, found.at) for row in found.rows])


class Names:
    """Environments' ids by repository and name, as far as they were asked for."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remembered(self, repository: str, name: str) -> str | None:
        return self._known.get((fold(repository), fold(name)))

    async def look_up(self, repository: str, name: str) -> str:
        """The id as of now; `EnvironmentNotFound` if there is none."""
        key = (fold(repository), fold(name))
        self._known.pop(key, None)
        found = await environments(self._reader, project=key[0], name_key=key[1])
        if not found:
            raise EnvironmentNotFound("no such environment in that repository")
        self._known[key] = found[0].id
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return found[0].id


@dataclass(slots=True)
class Place:
    """An environment as the caller named it. `name` is empty when it was by its id."""

    desk: Desk
    names: Names
    reader: Reader
    id: str
    repository: str | None = None
    name: str | None = None
    is_remembered: bool = False

    async def execute(
        self,
        command: type[EnvironmentCommand],
        *,
        wait_seconds: float = 0,
        **values: Any,
    ) -> Outcome:
        """Decide `command` about this environment, on the caller's behalf."""
        asked = command(
            by=self.desk.actor, repository=self.repository, name=self.name, **values
        )
        step = Step(environment, self.id, asked)
        try:
            return await self.desk.execute(step, wait_seconds=wait_seconds)
        except EnvironmentNotFound:
            if not await self._has_moved():
                raise
        step = Step(environment, self.id, asked)
        return await self.desk.execute(step, wait_seconds=wait_seconds)

    async def listed(self) -> Listed:
        """The environment as it is now; `EnvironmentNotFound` if it is not."""
        if self.name is not None and self.repository is not None:
            project, name_key = fold(self.repository), fold(self.name)
            found = await environments(self.reader, project=project, name_key=name_key)
        else:
            found = await environments(self.reader, id=self.id)
        if not found:
            raise EnvironmentNotFound("no such environment")
        check_is_meant(found[0].details, self.repository, self.name)
        self.id = found[0].id  # What was remembered of the name may be outdated.
        return found[0]

    async def on_listed(self, act: Callable[[Listed], Awaitable[T]]) -> T:
        """What `act` comes to with the environment as it is now.

        Its commands carry the name. If that means another one by the time they are
        decided, they refuse with `EnvironmentNotFound`, and it is that one's turn.
        """
        found = await self.listed()
        try:
            return await act(found)
        except EnvironmentNotFound:
            before, found = found, await self.listed()
            if found.id == before.id:
                raise
        return await act(found)

    async def _has_moved(self) -> bool:
        """Whether the name, remembered from before, means another one by now."""
        if not (self.is_remembered and self.repository and self.name):
            return False
        before = self.id
        self.id = await self.names.look_up(self.repository, self.name)
        self.is_remembered = False
        return self.id != before


# A handler that takes a place takes nothing else from outside: Litestar would make a
# task for each of several dependencies, which costs more than all of them together.


def by_id(request: AnyRequest, environment_id: FromPath[str]) -> Place:
    """`Invalid` if the id is no UUID; the handler finds out whether it is there."""
    place = _place(request)
    place.id = parse_id(environment_id, "id")
    return place


def lock_by_id(
    request: AnyRequest, environment_id: FromPath[str], repository_name: RepositoryName
) -> Place:
    """As above; the repository's name is checked by whoever finds the environment."""
    place = by_id(request, environment_id)
    place.repository = repository_name
    return place


def once_by_name(
    request: AnyRequest, name: FromPath[str], repository_identifier: Repository
) -> Place:
    """Who had the name, and when, is for the handler to find."""
    place = _place(request)
    place.repository, place.name = repository_identifier, name
    return place


async def by_name(
    request: AnyRequest, name: FromPath[str], repository_identifier: Repository
) -> Place:
    """`EnvironmentNotFound` if none has the name now; with `at`, the handler looks."""
    place = once_by_name(request, name, repository_identifier)
    if request.method == "GET" and AT in request.query_params:
        return place
    known = place.names.remembered(repository_identifier, name)
    place.is_remembered = known is not None
    place.id = known or await place.names.look_up(repository_identifier, name)
    request.scope["state"]["environment_id"] = place.id
    return place


def _place(request: AnyRequest) -> Place:
    state = request.app.state
    services: Services = state.services
    desk = provide_desk(request)
    return Place(desk, state.names, services.reader, id="")


AtPlace = NamedDependency[SkipValidation[Place]]
BY_ID = {"place": Provide(by_id, sync_to_thread=False)}
LOCK_BY_ID = {"place": Provide(lock_by_id, sync_to_thread=False)}
BY_NAME = {"place": Provide(by_name)}
ONCE_BY_NAME = {"place": Provide(once_by_name, sync_to_thread=False)}
