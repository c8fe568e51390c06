"""How long the latest holds of an environment took: what a wait is estimated by."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from time import monotonic
from typing import Any

from msgspec.structs import replace

from domain.errors import JournalUnavailable
from projections.environment_listing import Listed
from projections.holds import holds, sql
from projections.storage.reader import Reader
from projections.storage.time_travel import LATEST

COUNTED_MAX = 100
KEPT_SECONDS = 2.0
REMEMBERED_MAX = 1_000


async def with_past_holds(
    reader: Reader, found: list[Listed], upto: int = LATEST
) -> list[Listed]:
    """The same; where somebody waits, with the holds that had ended at `upto`."""
    waited_for = [one.id for one in found if one.environment.queue.queued]
    if not waited_for:
        return found
    values = _values(waited_for, upto)
    rows = (await reader.read(holds, sql["recent_durations"], values)).rows
    past = {row["environment_id"]: row["seconds"] for row in rows}
    return [replace(one, past_holds=past.get(one.id, ())) for one in found]


class RecentHolds:
    """For those who are told to wait on, thousands at once: asked once for them all."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._asked: OrderedDict[str, tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def durations(self, environment_id: str) -> Sequence[float]:
        """Seconds, shortest first, a moment ago; none if nobody can tell just now."""
        asked_at, asking = self._asked.get(environment_id, (0.0, None))
        if asking is None or monotonic() - asked_at > KEPT_SECONDS:
            asking = asyncio.ensure_future(self._ask(environment_id))
            self._asked[environment_id] = (monotonic(), asking)
            if len(self._asked) > REMEMBERED_MAX:
                self._asked.popitem(last=False)
        found: Sequence[float] = await asyncio.shield(asking)
        return found

    async def _ask(self, environment_id: str) -> Sequence[float]:
        values = _values([environment_id], LATEST)
        try:
            rows = await self._reader.peek(sql["recent_durations"], values)
        except JournalUnavailable:
            return ()
        return rows[0]["seconds"] if rows else ()


def _values(environment_ids: Collection[str], upto: int) -> Mapping[str, Any]:
    ids = [*environment_ids]
    return {"environment_ids": ids, "upto": upto, "most": COUNTED_MAX}
