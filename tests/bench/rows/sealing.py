"""Sealing: a million events into the tree, and signed, beside a select of them."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import psycopg

from tests.bench.bench import Bench
from tests.bench.grown import EVENTS
from tests.bench.limits import read_events
from tests.bench.sealed import seal_all
from tests.bench.table import Row

FLOOR = 0.25
EVENTS_PER_SECOND = 50_000


def rows(bench: Bench) -> Iterator[Row]:
    sealing, selecting = by_small_turns(bench.grown.database_url)
    limit, reached = EVENTS / selecting, EVENTS / sealing
    ratio = reached / limit
    fast_enough = min(EVENTS_PER_SECOND, limit * FLOOR)
    yield Row(
        what="sealing, a checkpoint every 1,000 events",
        limit=f"select {limit:,.0f} events/s",
        reached=f"{reached:,.0f} events/s",
        ratio=ratio,
        floor=f">= {FLOOR}, {EVENTS_PER_SECOND:,} events/s if the limit allows",
        verdict=ratio >= FLOOR and reached >= fast_enough,
    )


def by_small_turns(url: str) -> tuple[float, float]:
    """Seconds to seal all, and to select the same events, some and some."""
    sealing = selecting = 0.0
    position = 0
    with psycopg.connect(url, autocommit=True) as connection:
        began = monotonic()
        for sealed in seal_all(url, anew=True):
            between = monotonic()
            position = read_events(connection, position, sealed)
            sealing += between - began
            selecting += monotonic() - between
            began = monotonic()
    return sealing, selecting
