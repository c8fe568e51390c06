"""What every command to an environment says of the environment it means."""

from __future__ import annotations

from domain.event import Command


class EnvironmentCommand(Command, frozen=True, kw_only=True):
    """`repository` and `name` are what the caller believes; both are checked.

    A repository may be given in full (`owner/repo`) or by its last part.
    """

    repository: str | None = None
    name: str | None = None
