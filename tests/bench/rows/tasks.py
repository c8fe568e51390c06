"""Tasks: from the submission to the start, and no-ops a second, beside other queues.

Each has one process that submits for several clients, and one worker process, on the
same PostgreSQL, and the machine to itself while it is measured. Berth's clients ask
over HTTP, the others' have the database at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.bench import WARM_UP_SECONDS, Bench
from tests.bench.installation import WORKER
from tests.bench.measure import by_turns, percentile
from tests.bench.queues import QUEUES
from tests.bench.queues.queue import SUBMITTERS
from tests.bench.queues.site import QueueSite, queue_site
from tests.bench.table import Row
from tests.bench.task_site import TaskSite, task_site
from tests.support.servers import Servers

P50_MS_MAX = 20
FLOOR = 1.5
STARTS_PER_SECOND = 30
WARM_UP_STARTS = 10
# As it is, and as the others' are (see `tests.bench.in_worker`): the worker, and how
# many tasks it runs at once. More made neither of them faster on two cores.
WORKERS = {
    "a process each": (WORKER, 8),
    "in the worker": (("tests.bench.in_worker",), 32),
}
Site = Callable[[Servers, Path], AbstractContextManager[TaskSite | QueueSite]]
SITES: Mapping[str, Site] = {
    **{how: partial(task_site, *worker) for how, worker in WORKERS.items()},
    **{name: partial(queue_site, name) for name in QUEUES},
}


class Turn(NamedTuple):
    """Rates are tasks a second; `drained` is that of a full queue."""

    latencies_ms: Sequence[float]
    rate: float
    drained: float


class Found:
    """What all the turns came to."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.latencies = [*chain(*(turn.latencies_ms for turn in turns))]
        self.p50 = percentile(self.latencies, 50)
        self.p99 = percentile(self.latencies, 99)
        self.rate = median(turn.rate for turn in turns)
        self.drained = median(turn.drained for turn in turns)


def rows(bench: Bench) -> Iterator[Row]:
    measures = [partial(turn, bench, site) for site in SITES.values()]
    turns = by_turns(bench.rounds, *measures)
    found = dict(zip(SITES, map(Found, turns), strict=True))
    for how in WORKERS:
        yield started(how, found)
    for how in WORKERS:
        yield completed(how, found)


def turn(bench: Bench, site: Site) -> Turn:
    with site(bench.servers, bench.folder) as measured:
        measured.latencies_ms(WARM_UP_STARTS)
        measured.tasks_per_second(WARM_UP_SECONDS)
        return Turn(
            measured.latencies_ms(int(bench.seconds * STARTS_PER_SECOND)),
            measured.tasks_per_second(bench.seconds),
            measured.drained_per_second(bench.seconds / 2),
        )


def started(how: str, found: Mapping[str, Found]) -> Row:
    ours = found[how]
    name = min(QUEUES, key=lambda name: found[name].p50)
    limit = found[name].p50
    return Row(
        what=f"task submitted to started, {how}",
        limit=f"{name} {limit:.1f} ms",
        reached=f"{ours.p50:.1f} ms",
        ratio=ours.p50 / limit,
        floor=f"p50 <= {P50_MS_MAX} ms",
        verdict=ours.p50 <= P50_MS_MAX,
        p50_ms=ours.p50,
        p99_ms=ours.p99,
        notes=[
            f"{name}: p50/p99 {found[name].p50:.1f}/{found[name].p99:.1f} ms"
            for name in QUEUES
        ],
    )


def completed(how: str, found: Mapping[str, Found]) -> Row:
    ours = found[how]
    name = max(QUEUES, key=lambda name: found[name].rate)
    limit = found[name].rate
    return Row(
        what=f"no-op tasks, {how}, {SUBMITTERS} submitters",
        limit=f"{name} {limit:,.0f} tasks/s",
        reached=f"{ours.rate:,.0f} tasks/s",
        ratio=ours.rate / limit,
        floor=f">= {FLOOR}",
        verdict=ours.rate / limit >= FLOOR,
        notes=[
            f"Berth: {both_rates(ours)}; {WORKERS[how][1]} at once",
            *(
                f"{name}: {both_rates(found[name])}; {queue.settings}"
                for name, queue in QUEUES.items()
            ),
        ],
    )


def both_rates(found: Found) -> str:
    return f"{found.rate:,.0f} tasks/s, {found.drained:,.0f} from a full queue"
