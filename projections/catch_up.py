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
        """Project all that is new, a batch a transaction; return how many events."""
        return await asyncio.to_thread(self._run_once)

    def _run_once(self) -> int:
        lag = self.store.lag(self.view.name)
        done = 0
        while lag.checkpoint + done < lag.tip:  # Else there is nothing to lock, either.
            read = self.store.advance(self.view)
            if read == 0:
                break  # Somebody else has done it meanwhile.
            done += read
        return done
