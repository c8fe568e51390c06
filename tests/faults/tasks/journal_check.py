"""Reads the journal as an auditor would, with a model of a task's life of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, assert_never

from msgspec import Struct

from domain.record import Recorded
from domain.task.events import (
    FailureReason,
    Order,
    TaskAttemptFailed,
    TaskCancellationRequested,
    TaskCancelled,
    TaskCompleted,
    TaskEvent,
    TaskFailed,
    TaskLeaseExtended,
    TaskProgressed,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from tests.faults.findings import Findings
from tests.faults.tasks.history import Parting
from tests.faults.tasks.promises import Promise

Key = tuple[str, str | None]


class Life(Struct, omit_defaults=True):
    """A task as the journal tells it. `attempts` are the moments of their starts.

    `lease_until` is None while nobody has it; `end`, as long as it goes on.
    """

    stream: str
    submitted_by: str
    order: Order
    ready_at: datetime
    schedule_id: str | None = None
    slot: datetime | None = None
    attempts: list[datetime] = []
    leases: set[str] = set()
    lease_until: datetime | None = None
    worker: str = ""
    given_back: int = 0
    failures: int = 0
    stalls: int = 0
    is_to_cancel: bool = False
    end: str | None = None
    ended_at: datetime | None = None
    result: Any = None

    @property
    def operation_id(self) -> str:
        return self.stream.partition("/")[2]

    @property
    def key(self) -> Key:
        return self.order.task_type, self.order.concurrency_key


class TaskCheck:
    """`lives` by operation id are what the journal comes to in the end.

    Only in a parting may an attempt stall before its lease is over.
    """

    def __init__(self, findings: Findings, partings: Iterable[Parting] = ()) -> None:
        self._partings: defaultdict[str, list[Parting]] = defaultdict(list)
        for parting in partings:
            self._partings[parting.worker].append(parting)
        self.lives: dict[str, Life] = {}
        self._findings = findings
        self._holders: defaultdict[Key, list[Life]] = defaultdict(list)
        self._record: Recorded | None = None

    def read(self, records: Iterable[Recorded]) -> None:
        for record in records:
            if isinstance(record.event, TaskEvent):
                self._record = record
                self._see(record, record.event)
        for life in self.lives.values():
            if life.end is None:
                self._findings.add(Promise.AN_END, life)

    def _expect(self, promise: Promise, is_so: bool, note: object = "") -> None:
        """Of the event seen last."""
        if not is_so:
            self._findings.add(promise, note, self._record)

    def _see(self, record: Recorded, event: TaskEvent) -> None:
        life = self.lives.get(record.originator_id.partition("/")[2])
        if isinstance(event, TaskSubmitted):
            self._expect(Promise.ACKNOWLEDGED, life is None, "submitted twice:")
            life = life_of(record, event)
            self.lives[life.operation_id] = life
            return
        if life is None:
            self._expect(Promise.ACKNOWLEDGED, is_so=False, note="never submitted:")
            return
        self._expect(Promise.ONE_END, life.end is None, life.end)
        at = record.origin.at
        if isinstance(event, TaskStarted):
            self._start(event, at, life)
            return
        self._expect(Promise.ATTEMPTS, event.attempt == len(life.attempts), "not now:")
        match event:
            case TaskStalled(is_put_off=True):
                self._give_back(life, event.ready_at)
            case TaskStalled():
                self._stall(life, at)
                life.stalls += 1
                self._give_back(life, event.ready_at)
            case TaskFailed(reason=FailureReason.STALLED):
                self._stall(life, at)
                self._end(life, at, "failed")
            case TaskCancelled():
                is_asked = life.is_to_cancel or life.lease_until is None
                self._expect(Promise.CANCEL, is_asked)
                self._end(life, at, "cancelled")
            case _:
                self._report(event, at, life)

    def _start(self, event: TaskStarted, at: datetime, life: Life) -> None:
        self._expect(Promise.ONE_LEASE, life.lease_until is None, life.lease_until)
        self._expect(Promise.ATTEMPTS, event.attempt == len(life.attempts) + 1)
        self._expect(Promise.ATTEMPTS, event.lease_id not in life.leases)
        self._expect(Promise.READY, life.ready_at <= at, life.ready_at)
        life.attempts.append(at)
        life.leases.add(event.lease_id)
        life.lease_until, life.worker = event.lease_until, event.worker
        if life.order.concurrency_key is not None:
            self._take_turn(life, at)

    def _take_turn(self, life: Life, at: datetime) -> None:
        """Whose lease is over has no turn, though nobody may have noticed yet."""
        others = [
            o for o in self._holders[life.key] if is_live(o, at) and o is not life
        ]
        self._holders[life.key] = [*others, life]
        at_most = life.order.concurrency_max
        self._expect(Promise.AT_MOST, len(others) < at_most, f"{len(others)} already:")

    def _stall(self, life: Life, at: datetime) -> None:
        if is_live(life, at):
            is_parting = any(
                parting.since <= at and life.attempts[-1] <= parting.until
                for parting in self._partings[life.worker]
            )
            self._expect(Promise.STALLED, is_parting, life.lease_until)
            life.given_back += 1
        else:
            self._expect(Promise.STALLED, life.lease_until is not None)
        is_last = life.stalls >= life.order.retry.max_stalled_count
        is_final = isinstance(self._record and self._record.event, TaskFailed)
        self._expect(Promise.STALLED, is_last == is_final, life.stalls)

    def _report(
        self,
        event: TaskLeaseExtended
        | TaskProgressed
        | TaskCompleted
        | TaskAttemptFailed
        | TaskFailed
        | TaskCancellationRequested,
        at: datetime,
        life: Life,
    ) -> None:
        """What somebody says of an attempt, which has to be alive."""
        self._expect(Promise.LATE, is_live(life, at), life.lease_until)
        match event:
            case TaskLeaseExtended():
                life.lease_until = event.lease_until
            case TaskProgressed():
                pass
            case TaskCompleted():
                life.result = event.result
                self._end(life, at, "completed")
            case TaskAttemptFailed():
                self._fail(life, event.reason)
                life.failures += 1
                self._expect(Promise.RETRIES, life.failures < life.order.retry.attempts)
                self._give_back(life, event.ready_at)
            case TaskFailed():
                self._fail(life, event.reason)
                is_last = life.failures + 1 >= life.order.retry.attempts
                self._expect(Promise.RETRIES, is_last, life.failures)
                self._end(life, at, "failed")
            case TaskCancellationRequested():
                life.is_to_cancel = True
            case _:
                assert_never(event)

    def _give_back(self, life: Life, ready_at: datetime) -> None:
        self._part(life)
        life.lease_until, life.ready_at = None, ready_at

    def _end(self, life: Life, at: datetime, end: str) -> None:
        self._part(life)
        life.lease_until = None
        life.end, life.ended_at = end, at

    def _part(self, life: Life) -> None:
        """Whoever was stopped has said so of all that it had, before it ended."""
        assert self._record
        at, whose = self._record.origin.at, self._partings[life.worker]
        is_late = any(parting.is_stopped and parting.until < at for parting in whose)
        if life.lease_until is not None:
            self._expect(Promise.PARTING, not is_late, life.worker)

    def _fail(self, life: Life, reason: FailureReason) -> None:
        """As often as it was asked to, and not for want of anything else."""
        is_asked = len(life.attempts) <= life.order.data.get("fails", 0)
        is_its_own = reason is FailureReason.ERROR
        self._expect(Promise.FAULTLESS, is_asked and is_its_own, reason)


def is_live(life: Life, at: datetime) -> bool:
    return life.lease_until is not None and at < life.lease_until


def life_of(record: Recorded, event: TaskSubmitted) -> Life:
    return Life(
        stream=record.originator_id,
        submitted_by=record.origin.by,
        order=event.order,
        ready_at=event.ready_at,
        schedule_id=event.schedule_id,
        slot=event.slot,
    )
