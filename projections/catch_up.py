"""Brings one view up to date with the journal, a batch at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from projections.storage.checkpoint import ViewStore
from projections.view import View


@dataclass(frozen=True)
class CatchUp:
    view: View
    store: ViewStore

    async def run_once(self) -> int:
        """Project the next batch in one transaction; return how many events it had."""
        return await asyncio.to_thread(self._run_once)

    def _run_once(self) -> int:
        lag = self.store.lag(self.view.name)
        if lag.checkpoint >= lag.tip:
            return 0  # Nothing to do, and nothing to lock.
        return self.store.advance(self.view.name, self.view.project)
