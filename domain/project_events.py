"""What can happen to a repository, and to the names that its environments share out."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from domain.environment.events import Category
from domain.event import Event


class ProjectRegistered(Event, frozen=True, tag="project.registered"):
    """`identifier` is the repository's, such as `acme/shop`."""

    identifier: str
    remote_url: str
    platform: str
    configuration: dict[str, Any] = {}


class ProjectRevised(Event, frozen=True, tag="project.revised"):
    """Only what changed is set."""

    remote_url: str | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    configuration: dict[str, Any] | UnsetType = UNSET


class ProjectRetired(Event, frozen=True, tag="project.retired"):
    """The repository is not known any more; it had no environments left."""


class EnvironmentAdded(Event, frozen=True, tag="project.environment_added"):
    """The repository has one more: its name and its org are taken."""

    environment_id: str
    name: str
    category: Category
    salesforce_username: str | None
    is_active: bool = True


class EnvironmentChanged(Event, frozen=True, tag="project.environment_changed"):
    """The entry as it is from now on."""

    environment_id: str
    name: str
    category: Category
    salesforce_username: str | None
    is_active: bool = True


class EnvironmentRemoved(Event, frozen=True, tag="project.environment_removed"):
    """Its name and its org are free again."""

    environment_id: str


class DefaultChosen(Event, frozen=True, tag="project.default_chosen"):
    """`environment_id` is its category's default from now on; empty: none is."""

    category: Category
    environment_id: str | None
    previous_id: str | None


class EnvironmentsOrdered(Event, frozen=True, tag="project.environments_ordered"):
    """The category's whole order from now on; `left_out` had a place before."""

    category: Category
    environment_ids: tuple[str, ...]
    left_out: tuple[str, ...] = ()


ProjectEvent = (
    ProjectRegistered
    | ProjectRevised
    | ProjectRetired
    | EnvironmentAdded
    | EnvironmentChanged
    | EnvironmentRemoved
    | DefaultChosen
    | EnvironmentsOrdered
)
