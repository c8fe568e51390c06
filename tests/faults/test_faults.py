"""Some kills and freezes under load: no promise is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.lateness import BUSY
from tests.faults.nemesis import Nemesis
from tests.faults.report import lines
from tests.faults.run import run

SECONDS = 30  # A lease that never ends is overdue by more than may be.


@pytest.mark.faults
@pytest.mark.timeout(600)  # Each kind of fault has its turn, however busy all is.
def test_no_promise_is_broken_whatever_is_killed_or_frozen(tmp_path: Path) -> None:
    """How late a lease may end is measured by `make faults`."""
    result = run(tmp_path, seconds=SECONDS, clients=64, seed="test", limits=BUSY)
    report = "\n".join(lines(result))
    print(report)
    assert not result.findings, report
    assert {fault.kind for fault in result.faults} >= set(Nemesis.kinds)
    assert sum(operation.is_success for operation in result.operations) > 500
