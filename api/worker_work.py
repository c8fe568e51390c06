"""What a worker in another language may do, and how each is put to the journal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from api.auth import Caller
from api.worker_schemas import (
    AttemptAnswer,
    CompleteBody,
    FailBody,
    LogAnswer,
    LogBody,
    OfAttemptBody,
    ProgressBody,
    StartBody,
    StartedAnswer,
)
from domain.decider import Look, Outcome, Step, StillWaiting
from domain.errors import Invalid
from domain.ids import parse_id
from domain.task.commands import (
    AbandonAttempt,
    AwaitCancellation,
    CompleteAttempt,
    ConfirmCancellation,
    FailAttempt,
    OfAttempt,
    ReportProgress,
)
from domain.task.errors import NotCancelling, TaskNotFound
from domain.task.events import FailureReason
from domain.task.lifecycle import lifecycle, stream_of
from domain.task.task import Task, TaskState, status_of
from workers.tasks.lease import Lease, lease_of, take_lease
from workers.wiring import Services

# A lease is extended once this part of it is over: a heartbeat before that costs no
# event, so that a worker may ask as often as it wants to hear of a cancellation.
UNTOUCHED = 1 / 4


class WorkerWork(Struct, frozen=True):
    """In the name of `caller`, whose guard goes along with every step."""

    services: Services
    caller: Caller

    async def start(self, said: StartBody) -> StartedAnswer:
        kind = self.services.task_types.get(said.type)
        if kind is None or kind.queue != said.type:
            raise Invalid("type must be one of BERTH_TASK_TYPES", field="type")
        by = self.caller.actor
        lease = await take_lease(
            self.services.journal,
            known_id(said.operation_id),
            parse_id(said.lease_id, "leaseId"),
            worker=said.worker,
            by=by,
            queue=kind.queue,
            guard=self.caller.guard,
        )
        order = lease.order
        return StartedAnswer(
            operation_id=lease.operation_id,
            attempt=lease.attempt,
            lease_id=lease.lease_id,
            lease_until=lease.until,
            lock_duration=order.lock_duration_ms,
            timeout=order.timeout_ms,
            type=order.task_type,
            data=order.data,
            repository_identifier=order.repository,
        )

    async def heartbeat(self, said: OfAttemptBody) -> AttemptAnswer:
        lease, _ = await self._lease(said)
        if lease.until is not None:
            left = lease.until - self.services.journal.now()
            whole = timedelta(milliseconds=lease.order.lock_duration_ms)
            if left > whole * (1 - UNTOUCHED):
                return await self._look_on(said, lease)
        return await self._done(said, lease.extended(self.caller.actor))

    async def progress(self, said: ProgressBody) -> AttemptAnswer:
        lease, _ = await self._lease(said)
        facts = {"percent": said.percent, "message": said.message}
        step = lease.step(ReportProgress, self.caller.actor, **facts)
        return await self._done(said, [step])

    async def log(self, said: LogBody) -> LogAnswer:
        lease, _ = await self._lease(said)
        await self._look_on(said, lease)
        has_room = await self.services.task_log.append(
            lease.operation_id, lease.attempt, said.text
        )
        return LogAnswer(is_full=not has_room)

    async def complete(self, said: CompleteBody) -> AttemptAnswer:
        return await self._end(said, CompleteAttempt, result=said.result)

    async def fail(self, said: FailBody) -> AttemptAnswer:
        return await self._end(
            said,
            FailAttempt,
            reason=FailureReason(said.reason.value),
            message=said.message,
            stack=said.stack,
            may_retry=said.may_retry,
        )

    async def cancelled(self, said: OfAttemptBody) -> AttemptAnswer:
        lease, task = await self._lease(said)
        steps = lease.ended(ConfirmCancellation, self.caller.actor)
        if task.state is TaskState.RUNNING:
            await self._look_on(said, lease)  # Whether it is his to say comes first.
            raise NotCancelling("nobody has asked for this task to be cancelled")
        return await self._done(said, steps)

    async def abandon(self, said: OfAttemptBody) -> AttemptAnswer:
        return await self._end(said, AbandonAttempt)

    async def _end(
        self, said: OfAttemptBody, command: type[OfAttempt], **facts: Any
    ) -> AttemptAnswer:
        lease, _ = await self._lease(said)
        return await self._done(said, lease.ended(command, self.caller.actor, **facts))

    async def _lease(self, said: OfAttemptBody) -> tuple[Lease, Task]:
        """What it says it holds; whether it does is for the next step to find."""
        operation_id = known_id(said.operation_id)
        lease_id = parse_id(said.lease_id, "leaseId")
        look = Step(lifecycle, stream_of(operation_id), Look(by=self.caller.actor))
        task: Task = (await self._execute([look])).states[0]
        if task.order is None:
            raise TaskNotFound("no such task")
        lease = lease_of(operation_id, task)
        return replace(lease, attempt=said.attempt, lease_id=lease_id), task

    async def _look_on(self, said: OfAttemptBody, lease: Lease) -> AttemptAnswer:
        """Changes nothing; refused unless the attempt goes on, and is the caller's."""
        asking = lease.step(AwaitCancellation, self.caller.actor)
        try:
            return await self._done(said, [asking])
        except StillWaiting as waiting:
            return _answer(said, waiting.state)

    async def _done(self, said: OfAttemptBody, steps: Sequence[Step]) -> AttemptAnswer:
        return _answer(said, (await self._execute(steps)).states[0])

    async def _execute(self, steps: Sequence[Step]) -> Outcome:
        guard = self.caller.guard
        outcome = await self.services.journal.execute(*guard, *steps)
        return replace(outcome, states=outcome.states[len(guard) :])


def known_id(operation_id: str) -> str:
    return parse_id(operation_id, "operationId")


def _answer(said: OfAttemptBody, task: Task) -> AttemptAnswer:
    return AttemptAnswer(
        operation_id=said.operation_id,
        attempt=said.attempt,
        status=status_of(task.state),
        is_cancelling=task.state is TaskState.CANCELLING,
        lease_until=task.lease_until,
    )
