"""Lock cycles: request, acquire, release, by many clients on many environments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

from tests.bench import etcd
from tests.bench.bench import CLIENTS, ENVIRONMENTS, Bench
from tests.bench.measure import by_turns
from tests.bench.table import Row
from tests.bench.wrk import Load, merged

FLOOR = 0.3
P99_MS_MAX = 100


def rows(bench: Bench) -> Iterator[Row]:
    what = f"lock cycles, {CLIENTS} clients on {ENVIRONMENTS} environments"
    with bench.young_site() as site:
        ours, post, get, *theirs = by_turns(
            bench.rounds,
            partial(site.lock_cycles, bench.seconds),
            partial(bench.bare_calls, "POST"),
            partial(bench.bare_calls, "GET"),
            *(
                partial(bench.etcd_cycles, how, site.environments)
                for how in etcd.LEASES
            ),
        )
    yield against_bare(what, ours, post, f"bare GET: {calls(get):,.0f} calls/s")
    yield from against_etcd(what, ours, *theirs)


def against_bare(
    what: str, ours: Sequence[Load], bare: Sequence[Load], *notes: str
) -> Row:
    ratio = calls(ours) / calls(bare)
    every = merged(ours)
    p99 = every.percentile_ms(99)
    return Row(
        what=what,
        limit=f"bare POST {calls(bare):,.0f} calls/s",
        reached=f"{calls(ours):,.0f} calls/s",
        ratio=ratio,
        floor=f">= {FLOOR}, p99 <= {P99_MS_MAX} ms",
        verdict=ratio >= FLOOR and p99 <= P99_MS_MAX,
        p50_ms=every.percentile_ms(50),
        p99_ms=p99,
        notes=[
            *notes,
            f"CPU of a call: {every.cpu_us_per_call:.0f} us",
            f"CPU of a bare POST: {merged(bare).cpu_us_per_call:.0f} us",
            by_step(every),
        ],
    )


def against_etcd(
    what: str, ours: Sequence[Load], *theirs: Sequence[Load | None]
) -> Iterator[Row]:
    """A hold of ours has a lease of its own, and so has etcd's of the first kind.

    One lease for all that a client ever locks is less than what a hold promises here,
    and shown beside it.
    """
    reached = f"{cycles(ours):,.0f} cycles/s"
    for lease, loads in zip(etcd.LEASES, theirs, strict=True):
        measured = [load for load in loads if load]
        title = f"{what}, etcd with a lease for each {lease}"
        if not measured:
            yield Row(title, "", reached, notes=[etcd.MISSING])
            continue
        ratio = cycles(ours) / cycles(measured)
        is_wanted = lease == "hold"
        yield Row(
            what=title,
            limit=f"etcd {cycles(measured):,.0f} cycles/s",
            reached=reached,
            ratio=ratio,
            floor="> 1" if is_wanted else "",
            verdict=ratio > 1 if is_wanted else None,
            notes=[by_step(merged(measured))],
        )


def calls(loads: Sequence[Load]) -> float:
    return median(load.calls_per_second for load in loads)


def cycles(loads: Sequence[Load]) -> float:
    return median(load.cycles_per_second for load in loads)


def by_step(load: Load) -> str:
    return "p50/p99 of " + ", ".join(
        f"{step} {_both(load, step)} ms" for step in sorted(load.latencies)
    )


def _both(load: Load, step: str) -> str:
    p50, p99 = (load.percentile_ms(percent, step) for percent in (50, 99))
    return f"{p50:.1f}/{p99:.1f}"
