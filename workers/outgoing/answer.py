"""What comes of a request: an answer, whatever it says, or why there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

# The longest pause between two tries of a delivery.
RETRY_AFTER_SECONDS_MAX = 24 * 3_600.0
DIGITS_MAX = 9


class Answer(Struct, frozen=True):
    """`head` is what its body begins with, as sent."""

    status: int
    latency_ms: float
    head: bytes
    retry_after_seconds: float | None = None


class Unreachable(Exception):
    """There is no answer; `reason` says why, and repeats neither the URL nor a header.

    A URL can be a secret by itself, as those of most chats are.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def retry_after_seconds(text: str, at: datetime) -> float | None:
    """What a Retry-After says at `at`, at most a day; None if it says nothing."""
    if text.isascii() and text.isdecimal():
        wanted = float(text) if len(text) <= DIGITS_MAX else RETRY_AFTER_SECONDS_MAX
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        wanted = (aware - at).total_seconds()
    return min(max(wanted, 0.0), RETRY_AFTER_SECONDS_MAX)
