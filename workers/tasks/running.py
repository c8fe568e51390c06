"""What a worker process runs so that tasks are carried out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from domain.decider import Journal
from domain.task.events import Priority
from projections.storage.reader import Reader
from projections.task_board import sql
from workers.running import ForkServer, Handlers
from workers.tasks.attempt import Answer
from workers.tasks.queues import Ready, TaskQueues
from workers.tasks.sweep import TaskSweep
from workers.tasks.worker import TaskWorker, working
from workers.tasks.written import TaskLog

# Of each queue and priority, from either end: a queue that nobody takes from must not
# hide the others, nor what became ready first what did so last.
SWEPT_MAX = 2_500
STALLED_MAX = 5_000


@asynccontextmanager
async def carrying_out(
    journal: Journal,
    queues: TaskQueues,
    task_log: TaskLog,
    answer: Answer,
    *,
    slots: int,
    grace_seconds: float,
) -> AsyncIterator[None]:
    """Carry out the tasks of this installation's own handlers, `slots` at once."""
    async with ForkServer(Handlers.installed()) as runner:
        worker = TaskWorker(
            journal, queues, runner, task_log, answer, slots, grace_seconds
        )
        async with working(worker):
            yield


def sweep(reader: Reader, journal: Journal, queues: TaskQueues) -> TaskSweep:
    """What it looks at may be a little behind: starting decides."""

    async def ready_tasks() -> Sequence[Ready]:
        rows = await reader.peek(sql["ready_tasks"], {"limit": SWEPT_MAX})
        return [ready(row) for row in rows]

    async def due_tasks() -> Sequence[str]:
        rows = await reader.peek(sql["due_tasks"], {"limit": STALLED_MAX})
        return [row["operation_id"] for row in rows]

    return TaskSweep(ready_tasks, due_tasks, journal, queues)


def ready(row: Mapping[str, Any]) -> Ready:
    return Ready(
        row["operation_id"], Priority(row["priority"]), row["queue"], row["attempt"]
    )
