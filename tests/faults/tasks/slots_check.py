"""Looks for slots of schedules that were lost or fired twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from tests.faults.findings import Findings
from tests.faults.tasks.client_check import Lives, by_schedule
from tests.faults.tasks.history import Ask, Operation
from tests.faults.tasks.promises import Promise

EVERY = timedelta(seconds=1)
# From the submission to the first slot, and from the last one to the stop.
EDGE = timedelta(seconds=2)


def check_slots(
    operations: Sequence[Operation], lives: Lives, findings: Findings
) -> None:
    """Of schedules that fire each second, and catch up all that an outage delayed."""
    instances = by_schedule(lives)
    started = told_at(operations, Ask.REPEAT)
    stopped = told_at(operations, Ask.STOP)
    for schedule_id, since in started.items():
        slots = sorted(i.slot for i in instances.get(schedule_id, ()) if i.slot)
        until = stopped.get(schedule_id, since)
        for what in wrong_with(slots, since, until):
            findings.add(Promise.SLOTS, schedule_id, what)


def wrong_with(
    slots: Sequence[datetime], since: datetime, until: datetime
) -> Iterable[str]:
    for before, slot in pairwise(slots):
        if slot == before:
            yield f"fired twice: {slot}"
        elif slot != before + EVERY:
            yield f"none between {before} and {slot}"
    if not slots:
        yield "none at all"
    elif slots[0] > since + EDGE:
        yield f"began {since}, but first fired {slots[0]}"
    elif slots[-1] < until - EDGE:
        yield f"stopped {until}, but last fired {slots[-1]}"


def told_at(operations: Iterable[Operation], ask: Ask) -> dict[str, datetime]:
    """When a client was told of it, or what moment it was told."""
    return {
        operation.operation_id: operation.stopped_at or operation.answered_at
        for operation in operations
        if operation.ask is ask and operation.is_success and operation.operation_id
    }
