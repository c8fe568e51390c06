"""Event ids: UUIDv7 (RFC 9562), dated by the journal's time, not by this machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from uuid_utils import uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def event_id(at: datetime) -> str:
    """A UUIDv7 of this instant, to the microsecond."""
    return str(uuid7(nanoseconds=(at - EPOCH) // MICROSECOND * 1_000))
