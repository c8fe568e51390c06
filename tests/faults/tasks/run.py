"""One run, from an empty folder to what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.record import Recorded
from tests.faults.findings import Findings
from tests.faults.tasks import client_check
from tests.faults.tasks.history import Operation
from tests.faults.tasks.journal_check import TaskCheck
from tests.faults.tasks.slots_check import check_slots


def judge(
    records: Iterable[Recorded],
    operations: Sequence[Operation],
    runs: Iterable[str],
    shown: Mapping[str, str],
    findings: Findings,
) -> TaskCheck:
    """The journal by itself; then what the clients saw, and what ran, beside it."""
    check = TaskCheck(findings)
    check.read(records)
    client_check.check_answers(operations, findings)
    client_check.check_acknowledged(operations, check.lives, findings)
    client_check.check_results(operations, check.lives, findings)
    client_check.check_cancelled(operations, check.lives, findings)
    client_check.check_runs(runs, check.lives, findings)
    client_check.check_shown(shown, check.lives, findings)
    check_slots(operations, check.lives, findings)
    return check
