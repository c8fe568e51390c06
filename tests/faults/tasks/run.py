"""One run, from an empty folder to what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from domain.record import Recorded
from tests.faults.archive import records_in
from tests.faults.cluster import KEYS, Cluster
from tests.faults.findings import Findings
from tests.faults.history import Fault, Stopwatch
from tests.faults.journal_check import JournalCheck
from tests.faults.run import stop
from tests.faults.tasks import client_check
from tests.faults.tasks.history import Operation, Parting
from tests.faults.tasks.journal_check import Life, TaskCheck
from tests.faults.tasks.nemesis import TaskNemesis
from tests.faults.tasks.slots_check import check_slots
from tests.faults.tasks.world import prepare, see_the_end, submit
from tests.support.trials import INSTALLED

SLOTS = 8


@dataclass(frozen=True)
class Result:
    """What happened, and `findings`: what should not have."""

    operations: Sequence[Operation]
    faults: Sequence[Fault]
    findings: Findings
    lives: Sequence[Life]
    runs: int


def run(folder: Path, *, tasks: int, seed: str) -> Result:
    """So many tasks or more, faults meanwhile, then every check; data in `folder`."""
    watch, findings, ledger = Stopwatch(), Findings(), folder / "ledger"
    ledger.touch()
    settings = {
        "PYTHONPATH": str(INSTALLED),
        "BERTH_TASK_SLOTS": str(SLOTS),
        "BERTH_TASK_GRACE_SECONDS": "0",  # What runs is given back.
    }
    with Cluster(folder, **settings) as cluster, ThreadPoolExecutor(1) as thread:
        nemesis = TaskNemesis(cluster, watch, seed)
        numbers = enough(tasks, nemesis)
        world = asyncio.run(prepare(cluster, watch, ledger, numbers))
        crowd = thread.submit(asyncio.run, submit(world, seed))
        nemesis.rage(lambda: not crowd.done() or not nemesis.has_done_each)
        crowd.result()
        shown = asyncio.run(see_the_end(world, cluster))
        stop(cluster, findings)
        JournalCheck(findings).read(records_in(cluster.postgres.url, KEYS))
        runs = ledger.read_text().splitlines()
        records = records_in(cluster.postgres.url, KEYS)
        check = judge(
            records, world.operations, runs, shown, findings, nemesis.partings
        )
    lives = list(check.lives.values())
    return Result(world.operations, nemesis.faults, findings, lives, len(runs))


def enough(tasks: int, nemesis: TaskNemesis) -> Iterator[int]:
    """That many at least, and more until each kind of fault has had its turn."""
    for number in count():
        if number >= tasks and nemesis.has_done_each:
            return
        yield number


def judge(
    records: Iterable[Recorded],
    operations: Sequence[Operation],
    runs: Iterable[str],
    shown: Mapping[str, str],
    findings: Findings,
    partings: Sequence[Parting] = (),
) -> TaskCheck:
    """The journal by itself; then what the clients saw, and what ran, beside it."""
    check = TaskCheck(findings, partings)
    check.read(records)
    client_check.check_answers(operations, findings)
    client_check.check_acknowledged(operations, check.lives, findings)
    client_check.check_results(operations, check.lives, findings)
    client_check.check_cancelled(operations, check.lives, findings)
    client_check.check_runs(runs, check.lives, findings)
    client_check.check_shown(shown, check.lives, findings)
    check_slots(operations, check.lives, findings)
    return check
