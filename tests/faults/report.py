"""The table that a fault run ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from tests.faults.findings import Check
from tests.faults.history import Ask, Fault, FaultKind
from tests.faults.run import Result

EXAMPLES_MAX = 3
PERCENTILES = (50, 99, 100)


def lines(result: Result) -> Iterator[str]:
    operations = result.operations
    answered = sum(operation.status is not None for operation in operations)
    yield f"{len(operations):>8}  operations, {answered} of them answered"
    yield f"{result.events:>8}  events in the journal"
    yield "\nanswers"
    counts = Counter((o.ask, o.status or "none") for o in operations)
    for ask in Ask:
        told = {str(s): n for (a, s), n in counts.items() if a is ask}
        yield f"{ask:>10}  " + "  ".join(f"{s}: {told[s]}" for s in sorted(told))
    yield "\nfaults"
    faults = Counter(fault.kind for fault in result.faults)
    for kind in FaultKind:
        yield f"{faults[kind]:>8}  {kind}"
    yield "\nlateness                          p50        p99        max"
    yield late("end of a lease, all", result.expiries)
    yield late("hand-over, released to acquired", result.hand_overs)
    yield f"{'longest stall by a frozen process':<54}{ms(result.longest_stall)}"
    yield "\nviolations"
    for check in Check:
        found = result.findings.by_check[check]
        yield f"{len(found):>8}  {check}"
        for example in found[:EXAMPLES_MAX]:
            yield f"            {example}"
    if result.findings:
        yield "\nthe faults, one by one"
        for fault in result.faults:
            yield story_of(fault)


def story_of(fault: Fault) -> str:
    stalled = fault.stalled_until
    return (
        f"  {fault.began_at:%H:%M:%S.%f} to {fault.over_at:%H:%M:%S.%f}"
        f"  {fault.kind}: {fault.target}"
        + (f", nobody could append until {stalled:%H:%M:%S.%f}" if stalled else "")
    )


def late(what: str, taken: Sequence[timedelta]) -> str:
    ordered = sorted(taken) or [timedelta()]
    picks = [ordered[(len(ordered) - 1) * p // 100] for p in PERCENTILES]
    return f"{what:<32}" + "".join(ms(pick) for pick in picks) + f"  of {len(taken)}"


def ms(taken: timedelta) -> str:
    return f"{taken.total_seconds() * 1_000:>8.1f} ms"
