"""When a task that failed is tried again."""

from __future__ import annotations

from datetime import timedelta
from zlib import crc32

from domain.task.events import Backoff, BackoffType

HASHES = 2**32
DOUBLINGS_MAX = 40


def backoff_delay(backoff: Backoff, failures: int, salt: str) -> timedelta:
    """After so many failures, 1 or more.

    Jitter takes away up to its part of the delay, so that not all come back at once;
    it is drawn from `salt` and not by chance: the same history decides the same.
    """
    delay_ms = backoff.delay_ms
    if backoff.type is BackoffType.EXPONENTIAL:
        delay_ms *= 2 ** min(failures - 1, DOUBLINGS_MAX)
    drawn = crc32(f"{salt}/{failures}".encode()) / HASHES
    lengths = min(delay_ms, backoff.max_delay_ms) * (1 - backoff.jitter * drawn)
    return timedelta(milliseconds=round(lengths))
