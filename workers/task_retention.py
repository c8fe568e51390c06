"""Drops what tasks and deliveries came to after so many days, a day's worth at once."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from projections.storage.shelves import Kind, Shelves

EVERY_SECONDS = 60
# A log is kept by the day on which it was written, which may be long before the end.
LOG_DAYS_MORE = 7
# What was sent to webhooks; the journal has it for ever.
SENT_DAYS = 7

log = structlog.get_logger()


@dataclass
class TaskRetention:
    """What is completed is kept for `result_days`, what is not for `failure_days`."""

    shelves: Shelves
    result_days: int
    failure_days: int
    has_looked: bool = False

    async def run_once(self) -> int:
        """Make the next days' shelves and drop the old ones; return how many."""
        if not self.has_looked:
            await self._look_for_room()
        log_days = max(self.result_days, self.failure_days) + LOG_DAYS_MORE
        return await self.shelves.keep(
            {
                Kind.COMPLETED: self.result_days,
                Kind.FAILED: self.failure_days,
                Kind.LOG: log_days,
                Kind.SENT: SENT_DAYS,
            }
        )

    async def _look_for_room(self) -> None:
        """It is set where PostgreSQL is started: all that we can do is to say so."""
        room, days = await self.shelves.room(), self.result_days + self.failure_days
        if days > room:
            log.error(
                "PostgreSQL has too few locks for so many days of tasks",
                max_locks_per_transaction=room,
                wanted=days,
            )
        self.has_looked = True
