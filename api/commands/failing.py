"""What went wrong, in one line for whoever sits at the command line."""

from __future__ import annotations

from domain.errors import (
    Conflict,
    EnvironmentNotFound,
    Invalid,
    JournalUnavailable,
    VaultClosed,
)
from projections.storage.beside import RebuildError
from projections.storage.failures import FAILURES, reason
from workers.embedded import ServerStartError
from workers.events.stream import StreamRefused
from workers.settings import SettingsError
from workers.supervisor import AlreadyRunningError

MENDABLE = (
    AlreadyRunningError,
    Conflict,
    EnvironmentNotFound,
    Invalid,
    JournalUnavailable,
    LookupError,
    OSError,
    RebuildError,
    ServerStartError,
    SettingsError,
    StreamRefused,
    VaultClosed,
)


def line_of(error: Exception) -> str | None:
    """What a person can mend; None if it is a bug, of which a traceback tells more."""
    if isinstance(error, MENDABLE):
        return str(error)
    return reason(error) if isinstance(error, FAILURES) else None
