"""Sweeps out of the views what is left of environments that were deleted."""

from __future__ import annotations

from dataclasses import dataclass

from projections.audit_log import sql as audit
from projections.release_history import sql as releases
from projections.storage.checkpoint import ViewStore
from projections.storage.threads import in_thread

AT_ONCE = 5_000


@dataclass(frozen=True)
class Sweep:
    store: ViewStore

    async def run_once(self) -> int:
        """Returns how many records and releases that were."""
        return await in_thread(self._sweep)

    def _sweep(self) -> int:
        number = 0
        for statement in (audit["sweep"], releases["sweep"]):
            with self.store.datastore.cursor() as cursor:
                [row] = cursor.execute(statement, {"limit": AT_ONCE}).fetchall()
            number += row["number"]
        return number
