"""What an environment is: registered once, revised often, retired in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, fields, replace

from domain.environment.command import EnvironmentCommand
from domain.environment.events import (
    Category,
    DetailsEvent,
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.errors import EnvironmentLocked
from domain.json_value import is_same


class RegisterEnvironment(EnvironmentCommand, frozen=True, kw_only=True):
    registered: EnvironmentRegistered


class ReviseEnvironment(EnvironmentCommand, frozen=True, kw_only=True):
    """The fields of `revised` that are set are the new values."""

    revised: EnvironmentRevised


class RetireEnvironment(EnvironmentCommand, frozen=True, kw_only=True):
    pass


DetailsCommand = RegisterEnvironment | ReviseEnvironment | RetireEnvironment


class Details(Struct, frozen=True):
    repository: str
    name: str
    category: Category
    description: str | None
    salesforce_username: str | None
    dev_hub_username: str | None
    is_active: bool
    metadata: dict[str, Any]
    tags: tuple[str, ...]
    branch: str | None
    claim_window_seconds: int


def decide(
    command: DetailsCommand, details: Details | None, *, is_locked: bool
) -> Sequence[DetailsEvent]:
    """`EnvironmentLocked` if it would be deleted or deactivated under a lock."""
    match command:
        case RegisterEnvironment():
            return [] if details else [command.registered]
        case ReviseEnvironment():
            assert details is not None
            revised = only_what_changes(command.revised, details)
            if is_locked and revised.is_active is False:
                raise EnvironmentLocked("a locked environment cannot be deactivated")
            return [] if revised == EnvironmentRevised() else [revised]
        case RetireEnvironment():
            if is_locked:
                raise EnvironmentLocked("a locked environment cannot be deleted")
            return [EnvironmentRetired()]
        case _:
            assert_never(command)


def evolve(details: Details | None, event: DetailsEvent) -> Details | None:
    match event:
        case EnvironmentRegistered():
            return Details(**asdict(event))
        case EnvironmentRevised():
            assert details is not None
            return replace(details, **changes(event))
        case EnvironmentRetired():
            return None
        case _:
            assert_never(event)


def changes(revised: EnvironmentRevised) -> dict[str, Any]:
    """The fields that are set."""
    return {k: v for k, v in asdict(revised).items() if not isinstance(v, UnsetType)}


def only_what_changes(
    revised: EnvironmentRevised, details: Details
) -> EnvironmentRevised:
    """The same revision; what the details say already is UNSET."""
    same = {
        field.name: UNSET
        for field in fields(revised)
        if is_same(getattr(revised, field.name), getattr(details, field.name))
    }
    return replace(revised, **same)
