"""Lock cycles on one environment: every one waits for the one before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median

from tests.bench.bench import CLIENTS, Bench
from tests.bench.etcd import LEASES
from tests.bench.limits import GROUP, one_writer
from tests.bench.measure import by_turns
from tests.bench.rows.cycles import against_etcd, by_step, cycles
from tests.bench.table import Row
from tests.bench.wrk import merged

FLOOR = 0.4
WHAT = f"lock cycles, {CLIENTS} clients on one environment"


def rows(bench: Bench) -> Iterator[Row]:
    with bench.young_site() as site, one_writer(bench.servers) as writer:
        hot = site.environments[:1]
        ours, commits, grouped, *theirs = by_turns(
            bench.rounds,
            partial(site.lock_cycles, bench.seconds, hot),
            partial(writer.commits_per_second, bench.seconds / 2),
            partial(writer.events_per_second, bench.seconds / 2),
            *(partial(bench.etcd_cycles, how, hot) for how in LEASES),
        )
    limit = median(commits)
    ratio = cycles(ours) / limit
    every = merged(ours)
    yield Row(
        what=WHAT,
        limit=f"one writer {limit:,.0f} commits/s",
        reached=f"{cycles(ours):,.0f} cycles/s",
        ratio=ratio,
        floor=f">= {FLOOR}",
        verdict=ratio >= FLOOR,
        p50_ms=every.percentile_ms(50),
        p99_ms=every.percentile_ms(99),
        notes=[
            f"one writer, {GROUP} events a commit: {median(grouped):,.0f} events/s",
            f"CPU of a call: {every.cpu_us_per_call:.0f} us",
            by_step(every),
        ],
    )
    yield from against_etcd(WHAT, ours, *theirs)
