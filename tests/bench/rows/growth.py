"""Cost growth: the lock cycles on a journal of a million events and on a young one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.bench import Bench, Site
from tests.bench.grown import EVENTS, EVENTS_IN_ONE
from tests.bench.measure import by_turns
from tests.bench.rows.cycles import by_step, cycles
from tests.bench.table import Row
from tests.bench.wrk import merged

FLOOR = 0.9


def rows(bench: Bench) -> Iterator[Row]:
    with bench.grown_site() as grown, bench.young_site() as young:
        what = f"cycles after {EVENTS:,} events"
        yield compared(bench, what, grown, young, slice(None))
        what = f"cycles on one environment with {EVENTS_IN_ONE:,} events"
        yield compared(bench, what, grown, young, slice(1))


def compared(bench: Bench, what: str, grown: Site, young: Site, part: slice) -> Row:
    ours, limit = by_turns(
        bench.rounds,
        partial(grown.lock_cycles, bench.seconds, grown.environments[part]),
        partial(young.lock_cycles, bench.seconds, young.environments[part]),
    )
    ratio = cycles(ours) / cycles(limit)
    every = merged(ours)
    return Row(
        what=what,
        limit=f"young journal {cycles(limit):,.0f} cycles/s",
        reached=f"{cycles(ours):,.0f} cycles/s",
        ratio=ratio,
        floor=f">= {FLOOR}",
        verdict=ratio >= FLOOR,
        p50_ms=every.percentile_ms(50),
        p99_ms=every.percentile_ms(99),
        notes=[by_step(every)],
    )
