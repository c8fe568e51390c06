"""When a delivery that failed is tried again, and when it is given up."""

from __future__ import annotations

from domain.webhook.events import WebhookCreated

HOUR = 3_600
# Before the first try and each one after it (DESIGN section 6).
DELAYS_SECONDS = (
    *(0, 5, 300, 1_800),
    *(2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
)
RETRIES = len(DELAYS_SECONDS) - 1
RETRIES_MAX = 20
RETRY_DELAY_MS_MIN = 100
RETRY_DELAY_MS_MAX = 24 * HOUR * 1_000
# All who failed at once should not come back at once.
JITTER = 0.2
SUSPENDED_AFTER_DAYS = 5
# What waits is tried more often. After such a silence, a failure is the first one.
SILENT_DAYS = 2
# After so many failures in a row, only one delivery at a time is tried, as a probe.
FAILURES_MAX = 3
PROBE_SECONDS = 5
PROBE_SECONDS_MAX = 300


def retry_seconds(facts: WebhookCreated, attempt: int, chance: float) -> float | None:
    """How long to wait after `attempt` has failed; None: it was the last.

    `chance` is from 0 to 1.
    """
    retries = RETRIES if facts.retry_count is None else facts.retry_count
    if attempt > retries:
        return None
    if facts.retry_delay_ms is not None:
        delay: float = facts.retry_delay_ms / 1_000
    else:
        delay = DELAYS_SECONDS[min(attempt, RETRIES)]
    return delay * (1 + JITTER * (2 * chance - 1))
