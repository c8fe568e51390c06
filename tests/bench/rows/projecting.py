"""Projecting: views rebuilt from a million events, beside a plain select of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from time import monotonic

import psycopg

from projections.storage.database import Database
from projections.storage.rebuild import BATCH, rebuild
from projections.storage.subjects import subjects_of
from projections.view import View
from projections.views import VIEWS
from tests.bench.bench import Bench
from tests.bench.grown import EVENTS
from tests.bench.installation import KEYS
from tests.bench.limits import read_events
from tests.bench.table import Row

FLOOR = 0.25
EVENTS_PER_SECOND = 50_000
BATCHES_A_TURN = 10
MEASURED = ("environment_listing", "audit_log")


def rows(bench: Bench) -> Iterator[Row]:
    for name in MEASURED:
        rebuilding, selecting = by_small_turns(bench.grown.database_url, VIEWS[name])
        limit, reached = EVENTS / selecting, EVENTS / rebuilding
        ratio = reached / limit
        fast_enough = min(EVENTS_PER_SECOND, limit * FLOOR)
        yield Row(
            what=f"projecting, {name} rebuilt",
            limit=f"select {limit:,.0f} events/s",
            reached=f"{reached:,.0f} events/s",
            ratio=ratio,
            floor=f">= {FLOOR}, {EVENTS_PER_SECOND:,} events/s if the limit allows",
            verdict=ratio >= FLOOR and reached >= fast_enough,
        )


def by_small_turns(url: str, view: View) -> tuple[float, float]:
    """Seconds to rebuild the view, and to select the same events, some and some."""
    subjects = subjects_of(url, KEYS)
    database = Database(url, name="bench-rebuild", patient=True, subjects=subjects)
    rebuilding = selecting = 0.0
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            progress, position, is_done = rebuild(database, view), 0, False
            while not is_done:
                began = monotonic()
                is_done = len(list(islice(progress, BATCHES_A_TURN))) < BATCHES_A_TURN
                between = monotonic()
                for _ in range(BATCHES_A_TURN):
                    position = read_events(connection, position, BATCH)
                rebuilding += between - began
                selecting += monotonic() - between
    finally:
        database.close()
        subjects.close()
    return rebuilding, selecting
