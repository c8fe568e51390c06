"""Passes on what has had its time, locks and review environments, unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.decider import Journal, Step
from domain.environment.environment import environment
from domain.environment.lock import ExpireLock
from domain.errors import EnvironmentNotFound
from domain.event import system
from workers.loop import results

# After an outage the view that tells is late itself: the next look must be soon.
EVERY_SECONDS = 0.1
TIMER = system("lock-expiry")


@dataclass(frozen=True)
class LockExpiry:
    """Any number may run: whoever comes late finds nothing left to do."""

    due_locks: Callable[[], Awaitable[Sequence[str]]]
    journal: Journal

    async def run_once(self) -> int:
        """Nudge the locks that are due; return how much time had done to them.

        All at once: so they become few appends. Whatever one of them raises is raised
        when all have been tried.
        """
        nudges = map(self._nudge, await self.due_locks())
        answers = await asyncio.gather(*nudges, return_exceptions=True)
        return sum(results(answers))

    async def _nudge(self, environment_id: str) -> int:
        # The listing may be behind. The decider looks again, and may say nothing.
        step = Step(environment, environment_id, ExpireLock(by=TIMER))
        try:
            outcome = await self.journal.execute(step)
        except EnvironmentNotFound:
            return 0  # Deleted since the listing was made.
        return outcome.time_passed
