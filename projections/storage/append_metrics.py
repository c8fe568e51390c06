"""How large and how quick this process's appends are, and which way they went."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from projections.storage.batch import Batch

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 1, 4, 8)
MANY = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
DURATION = Histogram(
    "berth_append_seconds",
    "Appends: decided ahead of the lock, or under it",
    ["path"],
    buckets=SECONDS,
)
CALLS = Histogram("berth_append_calls", "Calls decided by one append", buckets=MANY)
EVENTS = Histogram("berth_append_events", "Events of one append", buckets=MANY)
FAILURES = Counter("berth_append_failures", "Appends whose outcome is not known")
AHEAD, LOCKED = DURATION.labels("ahead"), DURATION.labels("locked")


def count(batch: Batch) -> None:
    (AHEAD if batch.is_ahead else LOCKED).observe(batch.seconds)
    CALLS.observe(len(batch.calls))
    EVENTS.observe(len(batch.records))
