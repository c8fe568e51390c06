"""What one environment takes for itself within its repository: its name and its org."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from domain.environment.events import Category
from domain.errors import EnvironmentExists, UsernameTaken
from domain.naming import fold


class Entry(Struct, frozen=True):
    name: str
    category: Category
    salesforce_username: str | None
    is_active: bool = True


Entries = Mapping[str, Entry]  # by the environment's id


def check_is_free(entry: Entry, others: Entries) -> None:
    """`EnvironmentExists` or `UsernameTaken`; names are compared folded."""
    for other in others.values():
        if fold(other.name) == fold(entry.name):
            raise EnvironmentExists(f"an environment named {other.name} exists")
        mine, theirs = entry.salesforce_username, other.salesforce_username
        if mine and theirs and fold(mine) == fold(theirs):
            raise UsernameTaken(f"{theirs} belongs to the environment {other.name}")
