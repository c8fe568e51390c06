"""What is to change of an environment, checked and made into the steps that do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from api.deps import Desk
from api.place import Place
from api.schemas import EnvironmentPatch
from domain.decider import Step
from domain.environment.details import Details, RetireEnvironment, ReviseEnvironment
from domain.environment.environment import environment
from domain.environment.events import EnvironmentRevised
from domain.naming import fold, name_of
from domain.org import STREAM, RequireOrg, orgs
from domain.project import ChangeEnvironment, RemoveEnvironment, project, stream_of
from projections.environment_listing import Listed

USERNAME, DEV_HUB = "salesforceUsername", "devHubUsername"


def revision(data: EnvironmentPatch) -> EnvironmentRevised:
    """The environment's own part of a patch, checked."""
    given: dict[str, Any] = asdict(data)
    del given["is_default"]
    if not isinstance(data.name, UnsetType):
        given["name"] = name_of(data.name, "name")
    if not isinstance(data.tags, UnsetType):
        given["tags"] = tags_of(data.tags)
    for field, spelled in (
        ("salesforce_username", USERNAME),
        ("dev_hub_username", DEV_HUB),
    ):
        if given[field] is not UNSET:
            given[field] = username(given[field], spelled)
    return EnvironmentRevised(**given)


def revising(
    place: Place,
    found: Listed,
    revised: EnvironmentRevised,
    is_default: bool | UnsetType,
) -> list[Step]:
    """That it is the one meant is asked first: else its project may refuse before."""
    by = place.desk.actor
    revise = ReviseEnvironment(
        by=by, repository=place.repository, name=place.name, revised=revised
    )
    change = ChangeEnvironment(
        by=by,
        environment_id=found.id,
        name=revised.name,
        category=revised.category,
        salesforce_username=revised.salesforce_username,
        is_active=revised.is_active,
        is_default=is_default,
    )
    return [
        Step(environment, found.id, revise),
        *require_orgs(place.desk, new_usernames(revised, found.details)),
        Step(project, stream_of(found.details.repository), change),
    ]


def new_usernames(revised: EnvironmentRevised, details: Details) -> dict[str, str]:
    """Those that are its own already may be put back though their org is gone."""
    return {
        field: said
        for field, said, known in (
            (USERNAME, revised.salesforce_username, details.salesforce_username),
            (DEV_HUB, revised.dev_hub_username, details.dev_hub_username),
        )
        if isinstance(said, str) and (known is None or fold(said) != fold(known))
    }


def retiring(place: Place, found: Listed) -> list[Step]:
    by = place.desk.actor
    retire = RetireEnvironment(by=by, repository=place.repository, name=place.name)
    remove = RemoveEnvironment(by=by, environment_id=found.id)
    return [
        Step(environment, found.id, retire),
        Step(project, stream_of(found.details.repository), remove),
    ]


def username(text: str | None, field: str) -> str | None:
    return None if text is None else name_of(text, field)


def tags_of(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in the order given."""
    return tuple(dict.fromkeys(name_of(tag, "tags", slash=True) for tag in tags))


def require_orgs(desk: Desk, usernames: Mapping[str, str | None]) -> list[Step]:
    """A step that refuses the whole append when one of these orgs is not registered.

    They stand under the fields that named them.
    """
    named = {field: name for field, name in usernames.items() if name is not None}
    if not named:
        return []
    return [Step(orgs, STREAM, RequireOrg(by=desk.actor, usernames=named, to_use=True))]
