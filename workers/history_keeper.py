"""Makes ahead what a look at the past begins with, a little at a time."""

from __future__ import annotations

from dataclasses import dataclass

from projections.history import History

EVERY_SECONDS = 10.0
# A tenth of a second's work: a busy journal must not pay for those who look back, and
# what is not kept yet is made when somebody does.
EVENTS_MAX = 10_000


@dataclass
class HistoryKeeper:
    history: History
    has_tidied: bool = False

    async def run_once(self) -> int:
        """Returns how many snapshots it made."""
        if not self.has_tidied:
            await self.history.forget_others()
            self.has_tidied = True
        return await self.history.keep_snapshots(EVENTS_MAX)
