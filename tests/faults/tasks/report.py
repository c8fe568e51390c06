"""The table that a run of tasks ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.faults.findings import Check, Findings
from tests.faults.history import FaultKind
from tests.faults.report import EXAMPLES_MAX, story_of
from tests.faults.tasks.history import Ask
from tests.faults.tasks.promises import Promise
from tests.faults.tasks.run import Result

GENERAL = (Check.POSITIONS, Check.VERSIONS, Check.INSTANTS, Check.ALIVE)


def lines(result: Result) -> Iterator[str]:
    operations, lives = result.operations, result.lives
    answered = sum(operation.status is not None for operation in operations)
    stalls = sum(life.stalls for life in lives)
    attempts = sum(len(life.attempts) for life in lives)
    slots = sum(life.slot is not None for life in lives)
    yield f"{len(operations):>8}  operations, {answered} of them answered"
    yield f"{len(lives):>8}  tasks, {slots} of them by a schedule"
    yield f"{attempts:>8}  attempts, {result.runs} of them came to run"
    yield f"{stalls:>8}  attempts whose worker was lost"
    given_back = sum(life.given_back for life in lives)
    yield f"{given_back:>8}  of them given back, before their time was over"
    yield "\nanswers"
    counts = Counter((o.ask, o.status or "none") for o in operations)
    for ask in Ask:
        told = {str(s): n for (a, s), n in counts.items() if a is ask}
        yield f"{ask:>24}  " + "  ".join(f"{s}: {told[s]}" for s in sorted(told))
    yield "\nends"
    yield from counted(Counter(life.end or "none" for life in lives).items())
    yield "\nfaults"
    faults = Counter(fault.kind for fault in result.faults)
    yield from counted((kind, faults[kind]) for kind in FaultKind)
    yield "\nviolations"
    yield from violations(result.findings)
    if result.findings:
        yield "\nthe faults, one by one"
        for fault in result.faults:
            yield story_of(fault)


def violations(findings: Findings) -> Iterator[str]:
    for promise in (*Promise, *GENERAL):
        found = findings.by_check[promise]
        yield f"{len(found):>8}  {promise}"
        for example in found[:EXAMPLES_MAX]:
            yield f"            {example}"


def counted(counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    for what, number in counts:
        yield f"{number:>8}  {what}"
