"""A repository, and what its environments share out: names, orgs, defaults, places.

What must be unique among the environments of one repository is decided here, in the
same append as the environment's own event (DESIGN section 4, uniqueness).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import astuple, replace

from domain.decider import Decider, Reach
from domain.entry import Entry, check_is_free
from domain.environment.events import Category
from domain.errors import (
    EnvironmentNotFound,
    ProjectExists,
    ProjectInUse,
    ProjectNotFound,
)
from domain.event import Command
from domain.json_value import is_same
from domain.naming import fold
from domain.orchestration import OrderEnvironments, leave, order
from domain.orchestration import evolve as evolve_orders
from domain.project_events import (
    DefaultChosen,
    EnvironmentAdded,
    EnvironmentChanged,
    EnvironmentRemoved,
    EnvironmentsOrdered,
    ProjectEvent,
    ProjectRegistered,
    ProjectRetired,
    ProjectRevised,
)
from domain.remote_url import check_has_no_secret, platform_of


class RegisterProject(Command, frozen=True, kw_only=True):
    identifier: str
    remote_url: str
    configuration: dict[str, Any] = {}


class ReviseProject(Command, frozen=True, kw_only=True):
    remote_url: str | UnsetType = UNSET
    configuration: dict[str, Any] | UnsetType = UNSET


class RetireProject(Command, frozen=True, kw_only=True):
    pass


class AddEnvironment(Command, frozen=True, kw_only=True):
    environment_id: str
    name: str
    category: Category
    salesforce_username: str | None
    is_active: bool = True
    is_default: bool = False


class ChangeEnvironment(Command, frozen=True, kw_only=True):
    environment_id: str
    name: str | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    salesforce_username: str | None | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET


class RemoveEnvironment(Command, frozen=True, kw_only=True):
    environment_id: str


ProjectCommand = (
    RegisterProject
    | ReviseProject
    | RetireProject
    | AddEnvironment
    | ChangeEnvironment
    | RemoveEnvironment
    | OrderEnvironments
)


class Project(Struct, frozen=True):
    """`identifier` is empty before the registration and after the end."""

    identifier: str | None = None
    remote_url: str = ""
    configuration: dict[str, Any] = {}
    environments: dict[str, Entry] = {}
    defaults: dict[str, str] = {}
    orders: dict[str, tuple[str, ...]] = {}


def stream_of(identifier: str) -> str:
    """One for all spellings of the identifier."""
    return f"projects/{fold(identifier)}"


def decide(
    command: ProjectCommand, project: Project, _: datetime
) -> Sequence[ProjectEvent]:
    if isinstance(command, RegisterProject):
        return register(command, project)
    if project.identifier is None:
        raise ProjectNotFound("no such repository")
    match command:
        case ReviseProject():
            return revise(command, project)
        case RetireProject():
            if project.environments:
                raise ProjectInUse(f"it has {len(project.environments)} environments")
            return [ProjectRetired()]
        case AddEnvironment():
            return add(command, project)
        case ChangeEnvironment():
            return change(command, project)
        case RemoveEnvironment():
            return remove(command, project)
        case OrderEnvironments():
            return order(command, project.environments, project.orders)
        case _:
            assert_never(command)


def register(command: RegisterProject, project: Project) -> Sequence[ProjectEvent]:
    """`ProjectExists` if it is registered."""
    if project.identifier is not None:
        raise ProjectExists(f"{project.identifier} is registered already")
    check_has_no_secret(command.remote_url)
    return [
        ProjectRegistered(
            identifier=command.identifier,
            remote_url=command.remote_url,
            platform=platform_of(command.remote_url),
            configuration=command.configuration,
        )
    ]


def revise(command: ReviseProject, project: Project) -> Sequence[ProjectEvent]:
    revised = ProjectRevised()
    if command.remote_url not in (UNSET, project.remote_url):
        url = str(command.remote_url)
        check_has_no_secret(url)
        revised = replace(revised, remote_url=url, platform=platform_of(url))
    configuration = command.configuration
    if configuration is not UNSET and not is_same(configuration, project.configuration):
        revised = replace(revised, configuration=configuration)
    return [] if revised == ProjectRevised() else [revised]


def add(command: AddEnvironment, project: Project) -> Sequence[ProjectEvent]:
    """`EnvironmentExists` or `UsernameTaken` by another of the repository."""
    if command.environment_id in project.environments:
        return []  # Added already: nothing to append.
    entry = Entry(
        command.name, command.category, command.salesforce_username, command.is_active
    )
    check_is_free(entry, project.environments)
    added = EnvironmentAdded(command.environment_id, *astuple(entry))
    wanted = (entry.category, command.environment_id)
    return [added, *choose_default(project, *wanted)] if command.is_default else [added]


def change(command: ChangeEnvironment, project: Project) -> Sequence[ProjectEvent]:
    """As above; what leaves its category leaves the order and is no default there."""
    environment_id = command.environment_id
    old = project.environments.get(environment_id)
    if old is None:  # It was removed while this was on its way.
        raise EnvironmentNotFound("no such environment")
    new = Entry(
        old.name if isinstance(command.name, UnsetType) else command.name,
        old.category if isinstance(command.category, UnsetType) else command.category,
        old.salesforce_username
        if isinstance(command.salesforce_username, UnsetType)
        else command.salesforce_username,
        old.is_active
        if isinstance(command.is_active, UnsetType)
        else command.is_active,
    )
    others = {k: e for k, e in project.environments.items() if k != environment_id}
    check_is_free(new, others)
    events: list[ProjectEvent] = []
    if new != old:
        events.append(EnvironmentChanged(environment_id, *astuple(new)))
    if new.category != old.category:
        events += leave(environment_id, old.category, project.orders)
    was_default = project.defaults.get(old.category) == environment_id
    if was_default and (command.is_default is False or new.category != old.category):
        events.append(DefaultChosen(old.category, None, environment_id))
    if command.is_default is True:
        events += choose_default(project, new.category, environment_id)
    return events


def remove(command: RemoveEnvironment, project: Project) -> Sequence[ProjectEvent]:
    environment_id = command.environment_id
    entry = project.environments.get(environment_id)
    if entry is None:
        return []  # Removed already: nothing to append.
    left = leave(environment_id, entry.category, project.orders)
    return [*left, EnvironmentRemoved(environment_id)]


def choose_default(
    project: Project, category: Category, environment_id: str
) -> Sequence[ProjectEvent]:
    """The environment becomes its category's default, in place of the one before."""
    previous = project.defaults.get(category)
    if previous == environment_id:
        return []
    return [DefaultChosen(category, environment_id, previous)]


def evolve(project: Project, event: ProjectEvent) -> Project:
    match event:
        case ProjectRegistered():
            return Project(event.identifier, event.remote_url, event.configuration)
        case ProjectRevised():
            if not isinstance(event.remote_url, UnsetType):
                project = replace(project, remote_url=event.remote_url)
            if not isinstance(event.configuration, UnsetType):
                project = replace(project, configuration=event.configuration)
            return project
        case ProjectRetired():
            return Project()
        case EnvironmentAdded() | EnvironmentChanged():
            entry = Entry(
                event.name, event.category, event.salesforce_username, event.is_active
            )
            entries = project.environments | {event.environment_id: entry}
            return replace(project, environments=entries)
        case EnvironmentRemoved():
            gone = event.environment_id
            return replace(
                project,
                environments={
                    k: e for k, e in project.environments.items() if k != gone
                },
                defaults={c: k for c, k in project.defaults.items() if k != gone},
            )
        case DefaultChosen():
            chosen = {**project.defaults, event.category.value: event.environment_id}
            return replace(project, defaults={c: k for c, k in chosen.items() if k})
        case EnvironmentsOrdered():
            return replace(project, orders=evolve_orders(project.orders, event))
        case _:
            assert_never(event)


def belongs_to(command: ProjectCommand, project: Project) -> str | Reach:
    if isinstance(command, RegisterProject):
        return command.identifier
    return project.identifier or Reach.EVERYBODY  # Where nothing is, nothing happens.


project = Decider(
    initial=Project(), decide=decide, evolve=evolve, belongs_to=belongs_to
)
