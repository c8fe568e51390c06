"""An instant as callers write it: RFC 3339, and with a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from domain.errors import Invalid, NotFound

EXAMPLE = "2026-01-31T12:00:00Z"


class BeforeHistory(NotFound):
    """Nothing had happened yet at that instant; the message tells the first one."""

    code = "BEFORE_HISTORY"

    def __init__(self, what: str, first: datetime) -> None:
        super().__init__(f"the history of {what} begins at {told(first)}")


def instant_of(text: str, field: str) -> datetime:
    """`text` in UTC; `Invalid` names `field` when it is no instant, or of any zone."""
    try:
        instant = msgspec.convert(text, datetime)
    except (msgspec.ValidationError, ValueError, OverflowError):
        hint = " (a + is written %2B in a URL)" if " " in text else ""
        raise Invalid(
            f"{field} is not an instant such as {EXAMPLE}{hint}", field=field
        ) from None
    if instant.tzinfo is None:
        raise Invalid(
            f"{field} has no zone: write it as in {EXAMPLE}, or with +01:00",
            field=field,
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"{field} is beyond every calendar", field=field) from None


def told(instant: datetime) -> str:
    """As answers spell it."""
    return instant.isoformat().replace("+00:00", "Z")
