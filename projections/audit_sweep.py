"""Sweeps out of the audit what is left of environments that were deleted."""

from __future__ import annotations

from dataclasses import dataclass

from projections.audit_log import sql
from projections.storage.checkpoint import ViewStore
from projections.storage.threads import in_thread

AT_ONCE = 5_000


@dataclass(frozen=True)
class AuditSweep:
    store: ViewStore

    async def run_once(self) -> int:
        """Returns how many records that were."""
        return await in_thread(self._sweep)

    def _sweep(self) -> int:
        with self.store.datastore.cursor() as cursor:
            [row] = cursor.execute(sql["sweep"], {"limit": AT_ONCE}).fetchall()
        number: int = row["number"]
        return number
