"""Who acts in a history, and on what: people, pipelines, repositories, environments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Step
from domain.environment.details import RegisterEnvironment
from domain.environment.environment import environment
from domain.environment.events import Category, EnvironmentRegistered
from domain.event import Actor
from domain.orchestration import OrderEnvironments
from domain.org import STREAM, RegisterOrg, RequireOrg, orgs
from domain.project import AddEnvironment, RegisterProject, project, stream_of
from domain.roles import Role
from domain.token import IssueToken, digest, token
from domain.token import stream_of as stream_of_token
from tests.support.history.simulation import Simulation

OWNER = Actor("owner@acme.example", Role.OWNER, user_agent="curl/8.5.0")
MEMBERS = [
    Actor(f"developer-{n}@acme.example", Role.MEMBER, user_agent="Mozilla/5.0")
    for n in range(1, 6)
]
APPLICATIONS = ("release-pipeline", "nightly-tests", "hotfix-pipeline")
POOL = "review"
NAMES: Sequence[tuple[str, Category]] = [
    ("dev", Category.DEV),
    ("test", Category.TEST),
    ("uat", Category.TEST),
    ("staging", Category.RELEASE),
    ("production", Category.RELEASE),
]
TOKEN_DAYS = 90
NETWORK = "203.0.113"


class Place(Struct, frozen=True):
    """One environment. `names` are those of its category, in deployment order."""

    id: str
    name: str
    repository: str
    username: str
    is_for_review: bool = False


class Cast(Struct, frozen=True):
    places: Sequence[Place]
    review_places: Sequence[Place]
    pipelines: Sequence[Actor]
    repositories: Sequence[str]


def asking(simulation: Simulation, by: Actor) -> Actor:
    """The same, with a request of its own, from somewhere."""
    host = simulation.chance.randrange(1, 255)
    return replace(by, request_id=simulation.new_id(), ip=f"{NETWORK}.{host}")


def settle(simulation: Simulation, environments: int) -> Cast:
    """An installation as its owner sets it up, with so many environments and a pool."""
    repositories = [f"acme/app-{n + 1}" for n in range(-(-environments // len(NAMES)))]
    for repository in repositories:
        _register_project(simulation, repository)
    _register_hub(simulation)
    places = [
        _add(simulation, repositories[n // len(NAMES)], *NAMES[n % len(NAMES)])
        for n in range(environments)
    ]
    pool = [
        _add(simulation, repositories[0], f"{POOL}-{n}", Category.DEV, POOL)
        for n in range(1, 4)
    ]
    for repository in repositories:
        _order(simulation, repository, places)
    pipelines = [_issue(simulation, name) for name in APPLICATIONS]
    return Cast(places, pool, pipelines, repositories)


def _pause(simulation: Simulation) -> Actor:
    """A minute or so later, the owner goes on."""
    simulation.run(simulation.at + timedelta(seconds=simulation.seconds(20, 90)))
    return asking(simulation, OWNER)


def _register_project(simulation: Simulation, repository: str) -> None:
    command = RegisterProject(
        by=_pause(simulation),
        identifier=repository,
        remote_url=f"https://github.com/{repository}",
    )
    simulation.execute(Step(project, stream_of(repository), command))


def _register_hub(simulation: Simulation) -> None:
    register_org(simulation, "hub@acme.example", is_default=True)


def register_org(
    simulation: Simulation, username: str, *, is_default: bool = False
) -> None:
    command = RegisterOrg(
        by=asking(simulation, OWNER),
        org_id=simulation.new_id(),
        username=username,
        credential_id=simulation.new_id(),
        instance_url="https://acme.my.salesforce.example",
        is_dev_hub=is_default,
        is_default=is_default,
        metadata={"alias": username.partition("@")[0]},
    )
    simulation.execute(Step(orgs, STREAM, command))


def _add(
    simulation: Simulation,
    repository: str,
    name: str,
    category: Category,
    pool: str | None = None,
) -> Place:
    short = repository.partition("/")[2]
    username = f"{name}@{short}.acme.example"
    register_org(simulation, username)
    place = Place(simulation.new_id(), name, repository, username, pool is not None)
    add(simulation, place, category, ("eu",) if pool is None else (f"pool:{pool}",))
    return place


def add(
    simulation: Simulation, place: Place, category: Category, tags: tuple[str, ...]
) -> None:
    """As the API does it: its name and org are taken, and it is there, in one."""
    by = _pause(simulation)
    registered = EnvironmentRegistered(
        repository=place.repository,
        name=place.name,
        category=category,
        salesforce_username=place.username,
        metadata={"region": "eu-central", "tier": 2},
        tags=tags,
        branch="main",
    )
    command = AddEnvironment(
        by=by,
        environment_id=place.id,
        name=place.name,
        category=category,
        salesforce_username=place.username,
        is_default=place.name in {"test", "production"},
    )
    named = {"salesforceUsername": place.username}
    simulation.execute(
        Step(project, stream_of(place.repository), command),
        Step(orgs, STREAM, RequireOrg(by=by, usernames=named, to_use=True)),
        Step(environment, place.id, RegisterEnvironment(by=by, registered=registered)),
    )


def _order(simulation: Simulation, repository: str, places: Sequence[Place]) -> None:
    mine = {place.name for place in places if place.repository == repository}
    names = tuple(n for n, c in NAMES if n in mine and c is Category.RELEASE)
    command = OrderEnvironments(
        by=_pause(simulation), category=Category.RELEASE, names=names
    )
    simulation.attempt(Step(project, stream_of(repository), command))


def _issue(simulation: Simulation, application: str) -> Actor:
    """An application with a token of its own."""
    token_id = simulation.new_id().replace("-", "")
    command = IssueToken(
        by=_pause(simulation),
        name=application,
        secret_sha256=digest(simulation.new_id()),
        days=TOKEN_DAYS,
    )
    simulation.execute(Step(token, stream_of_token(token_id), command))
    return Actor(
        application,
        Role.APPLICATION,
        application=application,
        user_agent="sfp/50.1",
        token_id=token_id,
    )
