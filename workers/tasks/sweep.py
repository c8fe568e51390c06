"""Publishes what is ready and in no queue, and shows what time has done to tasks.

That is what was to be started later, what NATS has lost, and whose worker is silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from domain.decider import Journal, Look, Step
from domain.event import system
from domain.task.lifecycle import lifecycle, stream_of
from workers.loop import results
from workers.tasks.owning import ForeignQueues
from workers.tasks.queues import Ready, TaskQueues

EVERY_SECONDS = 1.0
# What is in its queue stays there, unless NATS forgets it: so it is left alone a while.
AGAIN_SECONDS = 10.0
# All that are published together are to be answered within a second or so.
AT_ONCE_MAX = 1_000
SWEEP = system("task-sweep")


@dataclass(frozen=True)
class TaskSweep:
    """Any number may run: what is in its queue already is not taken a second time.

    `ready_tasks` and `due_tasks` may be behind, and tell a few thousand: those that may
    be started, of each queue, and those whose lease is over.
    """

    ready_tasks: Callable[[], Awaitable[Sequence[Ready]]]
    due_tasks: Callable[[], Awaitable[Sequence[str]]]
    journal: Journal
    queues: TaskQueues

    async def run_once(self) -> int:
        """How many were not in their queue, and how many had lost their worker.

        What one of them raises keeps none of the others waiting: it is raised at the
        end.
        """
        steps = [
            Step(lifecycle, stream_of(operation_id), Look(by=SWEEP))
            for operation_id in await self.due_tasks()
        ]
        looks = map(self.journal.execute, steps)
        outcomes = await asyncio.gather(*looks, return_exceptions=True)
        published = await self._publish()
        return published + sum(one.time_passed for one in results(outcomes))

    async def _publish(self) -> int:
        long_ago = monotonic() - AGAIN_SECONDS
        sent = self.queues.sent
        for task in [task for task, at in sent.items() if at < long_ago]:
            del sent[task]
        ready = [task for task in await self.ready_tasks() if task not in sent]
        published = 0
        try:
            for start in range(0, len(ready), AT_ONCE_MAX):
                some = ready[start : start + AT_ONCE_MAX]
                new, left_out = await self.queues.publish(some)
                without_room = {*left_out}
                self.queues.note(task for task in some if task not in without_room)
                published += new
        except ForeignQueues:
            pass  # Which has been told.
        return published
