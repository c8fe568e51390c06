"""A minute of kills and freezes under load: no promise is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.history import FaultKind
from tests.faults.report import lines
from tests.faults.run import run

SECONDS = 45
# What locks have nothing to do with.
OF_TASKS = {
    FaultKind.STOP_WORKER,
    FaultKind.KILL_FORK_SERVER,
    FaultKind.LOSE_JETSTREAM,
}


@pytest.mark.faults
def test_no_promise_is_broken_whatever_is_killed_or_frozen(tmp_path: Path) -> None:
    result = run(tmp_path, seconds=SECONDS, clients=64, seed="test")
    report = "\n".join(lines(result))
    print(report)
    assert not result.findings, report
    assert {fault.kind for fault in result.faults} >= set(FaultKind) - {
        FaultKind.FREEZE,
        *OF_TASKS,
    }
    assert sum(operation.is_success for operation in result.operations) > 1_000
