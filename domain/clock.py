"""The only place that asks what time it is; the journal asks its database instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock of this machine: for tokens and certificates, never for locks."""
    return datetime.now(UTC)
