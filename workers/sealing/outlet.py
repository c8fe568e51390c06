"""Where checkpoints go, so that they are also kept where nobody of the database is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct


class CheckpointOutlets(Struct, frozen=True):
    """Where checkpoints go beside NATS, if anywhere."""

    file: Path | None = None
    url: str | None = None


class OutletUnavailable(Exception):
    """It cannot be asked or told just now, or has what is none of ours; told again."""


class Outlet(Protocol):
    """`name` is for people, as in the log."""

    name: str

    async def last(self) -> str | None:
        """The newest checkpoint that it has, as a note; None if none, or not known."""

    async def publish(self, origin: str, note: str) -> None:
        """Give it one more; `OutletUnavailable` unless it surely has it."""
