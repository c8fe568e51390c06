"""One fault run, from an empty folder to what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal

from tests.faults import client_check, lateness
from tests.faults.archive import check_listing, records_in
from tests.faults.cluster import KEYS, Cluster
from tests.faults.findings import Check, Findings
from tests.faults.history import Fault, Operation, Stopwatch
from tests.faults.journal_check import JournalCheck
from tests.faults.lateness import PROMISED, Limits
from tests.faults.nemesis import Nemesis
from tests.faults.world import prepare, sail

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """What happened, and `findings`: what should not have."""

    operations: Sequence[Operation]
    faults: Sequence[Fault]
    findings: Findings
    events: int
    expiries: Sequence[timedelta]
    hand_overs: Sequence[timedelta]
    longest_stall: timedelta


def run(
    folder: Path,
    *,
    seconds: float,
    clients: int,
    seed: str,
    limits: Limits = PROMISED,
) -> Result:
    """Load and faults for so long, and until each kind of fault has had its turn.

    Then every check. `folder` keeps data and logs.
    """
    watch, over = Stopwatch(), Signal()
    with Cluster(folder) as cluster, ThreadPoolExecutor(1) as thread:
        world = asyncio.run(prepare(cluster, watch, clients))
        until = watch.now() + timedelta(seconds=seconds)
        crowd = thread.submit(asyncio.run, sail(world, over.is_set, seed))
        nemesis = Nemesis(cluster, watch, seed)
        try:
            nemesis.rage(lambda: watch.now() < until or not nemesis.has_done_each)
        finally:
            over.set()
        crowd.result()
        findings = Findings()
        stop(cluster, findings)
        journal = JournalCheck(findings)
        journal.read(records_in(cluster.postgres.url, KEYS))
        folded = journal.environments
        check_listing(cluster.postgres.url, folded, findings, KEYS)
    return judge(world.operations, nemesis.faults, journal, findings, limits)


def stop(cluster: Cluster, findings: Findings) -> None:
    for name, code in cluster.ended().items():
        findings.add(Check.ALIVE, name, "ended by itself:", code)
    for name, code in cluster.stop_processes().items():
        if code:
            findings.add(Check.ALIVE, name, "did not stop well:", code)


def judge(
    operations: Sequence[Operation],
    faults: Sequence[Fault],
    journal: JournalCheck,
    findings: Findings,
    limits: Limits = PROMISED,
) -> Result:
    """What the clients saw, beside the journal and the faults."""
    tickets = journal.tickets
    seen_until = max((o.answered_at for o in operations), default=NEVER)
    told = client_check.told_by_ticket(operations)
    client_check.check_answers(operations, findings)
    client_check.check_acknowledged(operations, tickets, findings)
    client_check.check_order(operations, tickets, findings)
    client_check.check_holds(client_check.holds_of(told), findings)
    client_check.check_endings(told, findings)
    lateness.check_turns(told, tickets, faults, limits, findings)
    return Result(
        operations=operations,
        faults=faults,
        findings=findings,
        events=journal.events,
        expiries=lateness.check_expiries(
            tickets.values(), faults, seen_until, limits, findings
        ),
        hand_overs=lateness.hand_overs(told, tickets.values()),
        longest_stall=lateness.check_stalls(faults, limits, findings),
    )
