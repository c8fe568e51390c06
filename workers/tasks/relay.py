"""Publishes what the journal says became ready: submitted, or to be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from domain.decider import Look, Step
from domain.event import Event, system
from domain.record import Recorded
from domain.task.events import Order, TaskAttemptFailed, TaskStalled, TaskSubmitted
from domain.task.lifecycle import lifecycle, operation_of
from domain.task.task import Task
from projections.storage.journal import StoredJournal
from workers.tasks.broker import BrokerUnavailable
from workers.tasks.owning import ForeignQueues
from workers.tasks.queues import Ready, TaskQueues

log = structlog.get_logger()
NAME = "task-relay"
RELAY = system(NAME)
EVENTS: Sequence[type[Event]] = (TaskSubmitted, TaskAttemptFailed, TaskStalled)


@dataclass(frozen=True)
class TaskRelay:
    """What is ready only later is for the sweep, which looks at the time.

    So is what its queue has no room for.
    """

    journal: StoredJournal
    queues: TaskQueues

    async def hand_on(self, records: Sequence[Recorded]) -> bool:
        """Publish; False while NATS does not take it all."""
        found = await asyncio.gather(*map(self._ready, records))
        ready = [task for task in found if task is not None]
        try:
            await self.queues.publish(ready)
        except ForeignQueues:
            return False  # Which has been told.
        except BrokerUnavailable as error:
            log.warning("tasks not published", error=str(error), tasks=len(ready))
            return False
        return True

    async def _ready(self, record: Recorded) -> Ready | None:
        event = record.event
        assert isinstance(event, TaskSubmitted | TaskAttemptFailed | TaskStalled)
        if event.ready_at > record.origin.at:
            return None
        operation_id = operation_of(record.originator_id)
        if isinstance(event, TaskSubmitted):
            self.journal.meet(record, lifecycle)  # Most likely it is started here.
            return ready_of(operation_id, event.order)
        look = Step(lifecycle, record.originator_id, Look(by=RELAY))
        outcome = await self.journal.execute(look)
        task: Task = outcome.states[0]
        assert task.order is not None
        return ready_of(operation_id, task.order, task.attempt)


def ready_of(operation_id: str, order: Order, attempt: int = 0) -> Ready:
    return Ready(operation_id, order.priority, order.queue, attempt)
