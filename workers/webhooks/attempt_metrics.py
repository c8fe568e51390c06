"""How this process's attempts at webhooks ended, and how long each took."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from projections.storage.deliveries import Attempt, Outcome

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ATTEMPTS = Counter(
    "berth_webhook_attempts",
    "Attempts at deliveries: delivered, failed (tried again later) or given up",
    ["outcome"],
)
DURATION = Histogram(
    "berth_webhook_attempt_seconds",
    "From when a delivery was sent until it was answered or had failed",
    buckets=SECONDS,
)
OUTCOMES = {outcome: ATTEMPTS.labels(outcome.value) for outcome in Outcome}


def count(attempt: Attempt) -> None:
    OUTCOMES[attempt.outcome].inc()
    DURATION.observe(attempt.latency_ms / 1_000)
