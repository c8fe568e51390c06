"""What came of each attempt to deliver something, as long as it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.storage.database import Database
from projections.storage.deliveries import sql
from projections.storage.threads import in_thread

NEWEST = 2**63 - 1


class DeliveryLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, webhook_id: str, *, limit: int, before: int = NEWEST, outcome: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """Those of a webhook, newest first, from below the id `before`."""
        return await in_thread(self._of, webhook_id, limit, before, outcome)

    def _of(
        self, webhook_id: str, limit: int, before: int, outcome: str | None
    ) -> Sequence[Mapping[str, Any]]:
        values = {
            "webhook_id": webhook_id,
            "limit": limit,
            "before": before,
            "outcome": outcome,
        }
        with self._database.transaction() as cursor:
            cursor.execute(sql["plan_by_index"])
            return cursor.execute(sql["attempts"], values).fetchall()
