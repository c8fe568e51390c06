"""Projecting: views rebuilt from a million events, beside a plain select of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from time import monotonic

import psycopg

from projections.storage.beside import BATCH
from projections.storage.database import Database
from projections.storage.rebuild import rebuild
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


def rows(bench: Bench) -> Iterator[Row]:
    """Each view by itself, and all of them at once, for which nothing is promised."""
    url = bench.grown.database_url
    for name, view in VIEWS.items():
        yield measured(url, name, [view], is_promised=True)
    yield measured(url, "every view", [*VIEWS.values()], is_promised=False)


def measured(url: str, name: str, views: Sequence[View], *, is_promised: bool) -> Row:
    rebuilding, selecting = by_small_turns(url, views)
    limit, reached = EVENTS / selecting, EVENTS / rebuilding
    ratio = reached / limit
    row = Row(
        what=f"projecting, {name} rebuilt",
        limit=f"select {limit:,.0f} events/s",
        reached=f"{reached:,.0f} events/s",
        ratio=ratio,
    )
    if not is_promised:
        return row
    fast_enough = min(EVENTS_PER_SECOND, limit * FLOOR)
    floor = f">= {FLOOR}, {EVENTS_PER_SECOND:,} events/s if the limit allows"
    verdict = ratio >= FLOOR and reached >= fast_enough
    return replace(row, floor=floor, verdict=verdict)


def by_small_turns(url: str, views: Sequence[View]) -> tuple[float, float]:
    """Seconds to rebuild the views, and to select the same events, some and some."""
    subjects = subjects_of(url, KEYS)
    database = Database(
        url,
        name="bench-rebuild",
        pool_max=len(views),
        patient=True,
        subjects=subjects,
    )
    rebuilding = selecting = 0.0
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            progress, position, is_done = rebuild(database, views), 0, False
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
