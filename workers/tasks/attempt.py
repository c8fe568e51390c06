"""One attempt at a task: kept alive while it runs, and its end reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from domain.decider import Journal, Outcome, Step, StillWaiting
from domain.errors import DomainError, Invalid, JournalUnavailable
from domain.event import Actor
from domain.task.commands import (
    AbandonAttempt,
    AwaitCancellation,
    CompleteAttempt,
    ConfirmCancellation,
    FailAttempt,
    ReportProgress,
)
from domain.task.errors import StaleAttempt
from domain.task.events import FailureReason
from workers.loop import end
from workers.running.assignment import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.running.wire import has_nul
from workers.tasks.lease import Lease
from workers.tasks.slots import Slot
from workers.tasks.written import TaskLog, Written

log = structlog.get_logger()
HEARTBEATS_PER_LEASE = 3
TRY_AGAIN_SECONDS = 0.5
# Most tasks are short. What watches over an attempt, and the place in the journal's
# parking that is told of a cancellation, are for those that go on for longer than this.
SHORT_SECONDS = 0.05
PROGRESS_EVERY_SECONDS = 1.0
# Of a task that waits where there is no room for more, or that could not be begun where
# there was none for a process: longer each time.
PUT_OFF_SECONDS = 2.0
PUT_OFF_SECONDS_MAX = 60.0
PARKED_SECONDS = 3_600.0
REASONS = {
    FailureKind.EXITED: FailureReason.EXITED,
    FailureKind.KILLED: FailureReason.EXITED,
    FailureKind.TIMED_OUT: FailureReason.TIMEOUT,
}
# To try again cannot help.
FINAL = {FailureKind.WRONG_DATA, FailureKind.UNKNOWN_TYPE}


class Runner(Protocol):
    """What runs tasks: `workers.running.ForkServer` does."""

    async def run(self, assignment: Assignment, listener: Listener, /) -> Ending: ...

    def cancel(self, operation_id: str, attempt: int, /) -> bool: ...


Answer = Callable[[str, dict[str, Any], Actor], Awaitable[Any]]


@dataclass(eq=False)
class Attempt:
    """A lease, while what it is for runs.

    `is_over`: somebody else may run it, so that nothing is left to report.
    """

    lease: Lease
    by: Actor
    journal: Journal
    runner: Runner
    task_log: TaskLog
    answer: Answer
    slot: Slot
    is_over: bool = False
    is_leaving: bool = False

    def __post_init__(self) -> None:
        lease = self.lease
        self._written = Written(self.task_log, lease.operation_id, lease.attempt)
        self._put_off_seconds: float | None = None
        self._progress: tuple[float, str] | None = None
        self._told_at = -PROGRESS_EVERY_SECONDS

    async def run(self) -> None:
        """Until its end has been reported, or cannot be any more."""
        lease, order = self.lease, self.lease.order
        timeout = order.timeout_ms / 1000 if order.timeout_ms is not None else None
        assignment = Assignment(
            operation_id=lease.operation_id,
            attempt=lease.attempt,
            task_type=order.task_type,
            data=order.data,
            timeout_seconds=timeout,
        )
        beside: list[asyncio.Task[None]] = []

        def goes_on() -> None:
            works = (
                self._keep_alive(),
                self._heed_cancellation(),
                self._written.keep_up(),
            )
            beside.extend(map(asyncio.create_task, works))

        loop = asyncio.get_running_loop()
        longer = loop.call_later(SHORT_SECONDS, goes_on)
        try:
            ending = await self._run(assignment)
            await self._report(ending)
            await self._written.keep_rest()  # If that fails, the result is safe.
        finally:
            longer.cancel()
            if beside:
                await end(*beside)

    async def _run(self, assignment: Assignment) -> Ending:
        try:
            return await self.runner.run(assignment, self)
        except Exception as error:
            log.exception(
                "a task could not be run", operation_id=assignment.operation_id
            )
            return Failed(FailureKind.LOST, f"it could not be run: {error}")

    def leave(self) -> None:
        """This worker has to stop; another one may have a try at once."""
        self.is_leaving = True
        self._stop()

    async def progressed(self, percent: float, message: str) -> None:
        """Recorded at most once a second, and what came last."""
        self._progress = (round(percent, 1), message)
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= PROGRESS_EVERY_SECONDS:
            self._told_at = now
            told, steps = self._progress, self._progress_steps()
            with suppress(DomainError):
                try:
                    await self.journal.execute(*steps)
                except JournalUnavailable:
                    self._tell_later(told)

    async def waits(self, *, is_waiting: bool) -> None:
        """Who waits gives his slot to another; if too many do, he comes back later."""
        if not is_waiting:
            self.slot.go_on()
        elif not self.slot.wait():
            self.put_off(self._pause_seconds)

    def put_off(self, seconds: float) -> None:
        """Some worker has another try then, which uses up no attempt."""
        self._put_off_seconds = seconds
        self._stop()

    @property
    def _pause_seconds(self) -> float:
        doubled: float = PUT_OFF_SECONDS * 2 ** min(self.lease.attempt - 1, 10)
        return min(doubled, PUT_OFF_SECONDS_MAX)

    async def logged(self, lines: list[str]) -> None:
        self._written.add(lines)

    async def ask(self, kind: str, arguments: dict[str, Any]) -> Any:
        """Whatever the handler says, the operation that asks is this one."""
        if has_nul([kind, arguments]):
            raise Invalid("a question cannot have a NUL character", field="arguments")
        if "operation_id" in arguments:
            arguments = arguments | {"operation_id": self.lease.operation_id}
        return await self.answer(kind, arguments, self.lease.actor)

    async def _keep_alive(self) -> None:
        pause = self.lease.order.lock_duration_ms / 1000 / HEARTBEATS_PER_LEASE
        while True:
            await asyncio.sleep(pause)
            if await self._insist(*self.lease.extended(self.by)) is None:
                self._stop()
                return

    async def _heed_cancellation(self) -> None:
        waiting = self.lease.step(AwaitCancellation, self.by)
        with suppress(StaleAttempt):  # Which the next heartbeat finds, too.
            while True:
                try:
                    await self.journal.execute(waiting, wait_seconds=PARKED_SECONDS)
                except (StillWaiting, JournalUnavailable):
                    await asyncio.sleep(TRY_AGAIN_SECONDS)
                else:
                    self._stop()
                    return

    def _stop(self) -> None:
        self.runner.cancel(self.lease.operation_id, self.lease.attempt)

    async def _report(self, ending: Ending) -> None:
        if self.is_over:
            return
        outcome = await self._insist(*self._progress_steps(), *self._end(ending))
        if outcome is None:
            log.info(
                "an attempt ended too late",
                operation_id=self.lease.operation_id,
                attempt=self.lease.attempt,
            )

    def _warn(self, of: str, ending: Failed) -> None:
        log.warning(
            of,
            operation_id=self.lease.operation_id,
            attempt=self.lease.attempt,
            reason=ending.message,
        )

    def _end(self, ending: Ending) -> Sequence[Step]:
        lease, by = self.lease, self.by
        match ending:
            case Completed():
                return lease.ended(CompleteAttempt, by, result=ending.result)
            case Failed(kind=FailureKind.NOT_BEGUN):
                self._warn("an attempt was not begun", ending)
                seconds = self._pause_seconds
                return lease.ended(AbandonAttempt, by, put_off_seconds=seconds)
            case _ if self._put_off_seconds is not None:
                seconds = self._put_off_seconds
                return lease.ended(AbandonAttempt, by, put_off_seconds=seconds)
            case _ if self.is_leaving:
                return lease.ended(AbandonAttempt, by)
            case Failed(kind=FailureKind.LOST):
                self._warn("an attempt was lost", ending)
                return lease.ended(AbandonAttempt, by)
            case Failed():
                return lease.ended(
                    FailAttempt,
                    by,
                    reason=REASONS.get(ending.kind, FailureReason.ERROR),
                    message=ending.message,
                    stack=ending.stack,
                    may_retry=ending.kind not in FINAL,
                )
            case Cancelled():
                return lease.ended(ConfirmCancellation, by)

    def _tell_later(self, progress: tuple[float, str]) -> None:
        """With what is told next, unless there is something newer by then."""
        if self._progress is None:
            self._progress = progress

    def _progress_steps(self) -> Sequence[Step]:
        """What has not been told yet."""
        if self._progress is None:
            return []
        (percent, message), self._progress = self._progress, None
        step = self.lease.step(
            ReportProgress, self.by, percent=percent, message=message
        )
        return [step]

    async def _insist(self, *steps: Step) -> Outcome | None:
        """Until the journal has decided; None if the attempt is over."""
        while True:
            try:
                return await self.journal.execute(*steps)
            except JournalUnavailable:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            except StaleAttempt:
                self.is_over = True
                return None
