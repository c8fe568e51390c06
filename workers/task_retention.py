"""Drops what tasks and deliveries came to after so many days, a day's worth at once."""

from __future__ import annotations

from dataclasses import dataclass

from projections.storage.shelves import Kind, Shelves

EVERY_SECONDS = 60
# A log is kept by the day on which it was written, which may be long before the end.
LOG_DAYS_MORE = 7
# What was sent to webhooks; the journal has it for ever.
SENT_DAYS = 7


@dataclass(frozen=True)
class TaskRetention:
    """What is completed is kept for `result_days`, what is not for `failure_days`."""

    shelves: Shelves
    result_days: int
    failure_days: int

    async def run_once(self) -> int:
        """Make the next days' shelves and drop the old ones; return how many."""
        log_days = max(self.result_days, self.failure_days) + LOG_DAYS_MORE
        return await self.shelves.keep(
            {
                Kind.COMPLETED: self.result_days,
                Kind.FAILED: self.failure_days,
                Kind.LOG: log_days,
                Kind.SENT: SENT_DAYS,
            }
        )
