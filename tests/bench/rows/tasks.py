"""Tasks: from the submission to the start, and no-ops a second, beside other queues.

Each has one process that submits for several clients, and one worker process, on the
same PostgreSQL. Berth's clients ask over HTTP, the others' have the database at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from statistics import median
from typing import TypeVar

from tests.bench.bench import Bench
from tests.bench.measure import by_turns, percentile
from tests.bench.queues import QUEUES
from tests.bench.queues.queue import SUBMITTERS
from tests.bench.queues.site import QueueSite, queue_site
from tests.bench.table import Row
from tests.bench.task_site import SLOTS, TaskSite, task_site

P50_MS_MAX = 20
FLOOR = 1.5
STARTS_PER_SECOND = 30
FRESH = "a process each"
S = TypeVar("S", bound=TaskSite | QueueSite)
Found = Mapping[str, Sequence[float]]


def rows(bench: Bench) -> Iterator[Row]:
    starts = int(bench.seconds * STARTS_PER_SECOND)
    with ExitStack() as stack:
        queues = {
            name: stack.enter_context(queue_site(bench.servers, bench.folder, name))
            for name in QUEUES
        }
        berth = stack.enter_context(task_site(bench.servers, bench.folder))
        ours = {FRESH: berth}
        both = ours | queues
        latencies = taken(bench, both, lambda site: site.latencies_ms(starts))
        rates = taken(bench, both, lambda site: [site.tasks_per_second(bench.seconds)])
        drained = taken(
            bench, queues, lambda site: [site.drained_per_second(bench.seconds / 2)]
        )
    for how in ours:
        yield started(how, latencies)
    for how in ours:
        yield completed(how, rates, drained)


def taken(
    bench: Bench, sites: Mapping[str, S], measure: Callable[[S], Sequence[float]]
) -> Found:
    """By turns, all that was found of each."""
    measures = [partial(measure, site) for site in sites.values()]
    found = by_turns(bench.rounds, *measures)
    return {name: [*chain(*turns)] for name, turns in zip(sites, found, strict=True)}


def started(how: str, latencies: Found) -> Row:
    name = min(QUEUES, key=lambda name: median(latencies[name]))
    limit, reached = median(latencies[name]), median(latencies[how])
    return Row(
        what=f"task submitted to started, {how}",
        limit=f"{name} {limit:.1f} ms",
        reached=f"{reached:.1f} ms",
        ratio=reached / limit,
        floor=f"p50 <= {P50_MS_MAX} ms",
        verdict=reached <= P50_MS_MAX,
        p50_ms=reached,
        p99_ms=percentile(latencies[how], 99),
        notes=[f"{name}: p50/p99 {both_of(latencies[name])} ms" for name in QUEUES],
    )


def completed(how: str, rates: Found, drained: Found) -> Row:
    name = max(QUEUES, key=lambda name: median(rates[name]))
    limit, reached = median(rates[name]), median(rates[how])
    ratio = reached / limit
    return Row(
        what=f"no-op tasks, {how}, {SUBMITTERS} submitters",
        limit=f"{name} {limit:,.0f} tasks/s",
        reached=f"{reached:,.0f} tasks/s",
        ratio=ratio,
        floor=f">= {FLOOR}",
        verdict=ratio >= FLOOR,
        notes=[
            f"Berth: {SLOTS} at once",
            *(
                f"{name}: {median(rates[name]):,.0f} tasks/s, {queue.settings}; from a"
                f" full queue {median(drained[name]):,.0f} tasks/s"
                for name, queue in QUEUES.items()
            ),
        ],
    )


def both_of(latencies: Sequence[float]) -> str:
    return f"{percentile(latencies, 50):.1f}/{percentile(latencies, 99):.1f}"
