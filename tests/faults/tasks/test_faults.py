"""Some hundred tasks while all is killed that they go through: no promise is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tasks.nemesis import TaskNemesis
from tests.faults.tasks.report import lines
from tests.faults.tasks.run import run

TASKS = 400


@pytest.mark.faults
@pytest.mark.timeout(600)  # Each kind of fault has its turn, however busy all is.
def test_every_task_comes_to_one_end_whatever_is_killed(tmp_path: Path) -> None:
    result = run(tmp_path, tasks=TASKS, seed="test")
    report = "\n".join(lines(result))
    print(report)
    assert not result.findings, report
    assert {fault.kind for fault in result.faults} >= set(TaskNemesis.kinds)
    assert {life.end for life in result.lives} == {"completed", "failed", "cancelled"}
    assert any(life.slot for life in result.lives)
    assert any(life.given_back for life in result.lives)
