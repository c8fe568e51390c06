"""What PostgreSQL knows of the whole installation, read when somebody wants to know.

Every process tells the same. What cannot be read just now is not told at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

import structlog
from prometheus_client.core import GaugeMetricFamily

from domain.errors import JournalUnavailable
from projections.queries import load
from projections.storage.failures import is_silence
from projections.storage.reader import Reader
from projections.views import VIEWS

READ_SECONDS_MAX = 2.0
KEPT_SECONDS = 1.0
BACKLOG_MAX = 5_000
ASKED = {"views": [*VIEWS], "backlog_max": BACKLOG_MAX}
log = structlog.get_logger()
sql = load("gauges")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class Gauge(NamedTuple):
    """`told` in the rows of a statement, a sample for each of its `labels`."""

    name: str
    meaning: str
    statement: str
    told: str
    labels: Sequence[str] = ()


GAUGES = (
    Gauge("berth_locks_held", "Locks held now", "locks", "held"),
    Gauge("berth_lock_queue_tickets", "Tickets that wait now", "locks", "queued"),
    Gauge(
        "berth_lock_queue_longest_tickets",
        "Tickets that wait for the environment most waited for",
        "locks",
        "longest",
    ),
    Gauge(
        "berth_lock_queue_oldest_seconds",
        "How long the oldest of those tickets has waited",
        "locks",
        "oldest",
    ),
    Gauge("berth_journal_events", "Events in the journal", "journal", "events"),
    Gauge(
        "berth_view_lag_events",
        "Events that the view does not show yet",
        "views",
        "events",
        ["view"],
    ),
    Gauge(
        "berth_view_lag_seconds",
        "Age of the oldest of those",
        "views",
        "seconds",
        ["view"],
    ),
    Gauge(
        "berth_relay_lag_events",
        "Events that this tail of the journal has not noted as handed on",
        "tails",
        "events",
        ["tail"],
    ),
    Gauge(
        "berth_log_unsealed_events",
        "Events that no signed checkpoint covers yet",
        "seal",
        "unsealed",
    ),
    Gauge(
        "berth_log_refused",
        "1 while nothing is signed, since the journal is not what was sealed",
        "seal",
        "refused",
    ),
    Gauge(
        "berth_tasks",
        "Tasks that are not over: ready, for later, running or cancelling",
        "tasks",
        "tasks",
        ["priority", "state"],
    ),
    Gauge(
        "berth_task_ready_oldest_seconds",
        "How long the oldest ready task has been so",
        "ready",
        "oldest",
        ["priority"],
    ),
    Gauge(
        "berth_webhooks",
        "Webhooks: active, inactive by their owner, or failed and so suspended",
        "webhooks",
        "webhooks",
        ["status"],
    ),
    Gauge(
        "berth_webhook_backlog_deliveries",
        "Deliveries due: to a receiver that is well, or is resting because it failed",
        "backlog",
        "due",
        ["receiver"],
    ),
    Gauge(
        "berth_webhook_backlog_oldest_seconds",
        "How long the oldest of those deliveries has been due",
        "backlog",
        "oldest",
        ["receiver"],
    ),
)


class Gauges:
    """Asks at most once a second, however many want to know."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._reading: asyncio.Future[Rows] | None = None
        self._read_at = -KEPT_SECONDS

    async def collect(self) -> Sequence[GaugeMetricFamily]:
        """Within `READ_SECONDS_MAX`, with or without an answer."""
        if self._reading is None or self._is_old(self._reading):
            self._reading = asyncio.ensure_future(self._read())
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_SECONDS_MAX):
                return [*_families(await asyncio.shield(self._reading))]
        return []

    def _is_old(self, reading: asyncio.Future[Rows]) -> bool:
        return reading.done() and monotonic() - self._read_at >= KEPT_SECONDS

    async def _read(self) -> Rows:
        found = {}
        for name, statement in sql.items():
            try:
                found[name] = await self._reader.peek(statement, ASKED)
            except JournalUnavailable as error:
                log.warning("gauges not read", of=name, error=str(error))
                if is_silence(error.__cause__):  # The others would wait in vain, too.
                    break
        self._read_at = monotonic()
        return found


def _families(found: Rows) -> Iterable[GaugeMetricFamily]:
    for gauge in GAUGES:
        if gauge.statement in found:
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
            for row in found[gauge.statement]:
                labels = [row[label] for label in gauge.labels]
                family.add_metric(labels, row[gauge.told])
            yield family
