"""Holds what the clients were told, and what was run, against the journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from tests.faults.findings import Findings
from tests.faults.tasks.history import Ask, Operation
from tests.faults.tasks.journal_check import Life
from tests.faults.tasks.promises import Promise

Lives = Mapping[str, Life]
ENDS = {"completed", "failed", "cancelled"}
OVER = 400  # "this task is completed already", or the schedule stopped
# Beside "unavailable", and no answer at all.
EXPECTED: Mapping[Ask, set[int]] = {
    Ask.SUBMIT: {201},
    Ask.REPEAT: {201},
    Ask.RESULT: {200},
    Ask.LOOK: {200},
    Ask.CANCEL: {200, OVER},
    Ask.STOP: {200, OVER},
}


def check_answers(operations: Iterable[Operation], findings: Findings) -> None:
    for operation in operations:
        if operation.is_known and operation.status not in EXPECTED[operation.ask]:
            findings.add(Promise.ANSWERS, operation)


def check_acknowledged(
    operations: Iterable[Operation], lives: Lives, findings: Findings
) -> None:
    """Each answer says what the journal says."""
    for operation in operations:
        if not operation.is_known or operation.ask in {Ask.REPEAT, Ask.STOP}:
            continue
        life = lives.get(operation.operation_id or "")
        if not is_kept(operation, life):
            findings.add(Promise.ACKNOWLEDGED, operation, "but", life)


def is_kept(operation: Operation, life: Life | None) -> bool:
    if not operation.is_success and operation.status != OVER:
        return True  # No answer that should be; but it promises nothing.
    if life is None:
        return False
    is_over = life.ended_at is not None and life.ended_at <= operation.answered_at
    match operation.ask:
        case Ask.SUBMIT:
            return life.submitted_by == operation.client
        case Ask.CANCEL if operation.status == OVER:
            return is_over and life.end != "cancelled"
        case Ask.CANCEL:
            return life.is_to_cancel or life.end == "cancelled"
        case Ask.RESULT | Ask.LOOK if operation.told in ENDS:
            return is_over and life.end == operation.told
        case _:
            return True


def check_results(
    operations: Iterable[Operation], lives: Lives, findings: Findings
) -> None:
    """It is that of the attempt on record, for whoever asks and whenever."""
    for operation in operations:
        life = lives.get(operation.operation_id or "")
        if operation.ask is not Ask.RESULT or operation.told != "completed" or not life:
            continue
        if operation.result != life.result:
            findings.add(Promise.RESULT, operation, "but", life)
    for life in lives.values():
        ran = {"attempt": len(life.attempts)}
        if life.end == "completed" and life.result != ran:
            findings.add(Promise.RESULT, life)


def check_cancelled(
    operations: Iterable[Operation], lives: Lives, findings: Findings
) -> None:
    """Somebody asked for it, before it was."""
    first: dict[str, datetime] = {}
    for operation in operations:
        if operation.ask is Ask.CANCEL and operation.operation_id:
            asked_at = first.get(operation.operation_id, operation.asked_at)
            first[operation.operation_id] = min(asked_at, operation.asked_at)
    for operation_id, life in lives.items():
        asked = first.get(operation_id)
        if life.end == "cancelled" and not (
            asked and life.ended_at and asked <= life.ended_at
        ):
            findings.add(Promise.CANCEL, asked, life)


def check_runs(runs: Iterable[str], lives: Lives, findings: Findings) -> None:
    """What the handlers wrote down themselves, an operation and an attempt a line."""
    for line, times in Counter(runs).items():
        operation_id, attempt = line.split()
        life = lives.get(operation_id)
        if times > 1:
            findings.add(Promise.RUN_ONCE, line, f"{times} times")
        if life is None or int(attempt) > len(life.attempts):
            findings.add(Promise.RUN_ONCE, line, "but", life)


def check_shown(shown: Mapping[str, str], lives: Lives, findings: Findings) -> None:
    """In the end, the status of each task as the API tells it."""
    for operation_id, status in shown.items():
        life = lives.get(operation_id)
        if life is None or life.end != status:
            findings.add(Promise.BOARD, operation_id, status, "but", life)


def by_schedule(lives: Lives) -> Mapping[str, list[Life]]:
    instances: defaultdict[str, list[Life]] = defaultdict(list)
    for life in lives.values():
        if life.schedule_id:
            instances[life.schedule_id].append(life)
    return instances
