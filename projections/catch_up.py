"""Brings the views up to date: the news of the journal are read once for them all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from projections.storage.checkpoint import ViewStore
from projections.storage.failures import kind_of
from projections.view import View

# Who is further behind reads for itself, and keeps nobody waiting.
BEHIND_MAX = 10_000
log = structlog.get_logger()


@dataclass(frozen=True)
class CatchUp:
    views: Collection[View]
    store: ViewStore

    async def run_once(self) -> int:
        """Project all that is new, a batch a transaction; return how many events.

        What cannot be projected in one view is raised once the others have theirs.
        """
        return await asyncio.to_thread(self._run_once)

    def _run_once(self) -> int:
        done, target = 0, None
        while True:
            tip, checkpoints = self.store.checkpoints([v.name for v in self.views])
            target = tip if target is None else target
            late = [v for v in self.views if checkpoints[v.name] < target]
            if not late:
                return done
            near = [v for v in late if tip - checkpoints[v.name] <= BEHIND_MAX]
            if near:
                after = min(checkpoints[view.name] for view in near)
                done += self._together(near, after, tip)
            done += sum(self.store.advance(view) for view in late if view not in near)

    def _together(self, views: Collection[View], after: int, tip: int) -> int:
        upto, moved = after, set[str]()
        try:
            news = self.store.news(views, after, tip)
            moved, upto = self.store.follow(views, after, news), news.upto
        except Exception as error:  # noqa: BLE001 - whose it is, its own turn will tell
            log.warning("the views go on one by one", kind=kind_of(error))
        views = [view for view in views if view.name not in moved]
        failures: list[Exception] = []
        for view in views:
            try:
                upto = max(upto, after + self.store.advance(view))
            except Exception as error:  # noqa: BLE001 - raised once all had their turn
                failures.append(error)
        if failures:
            raise failures[0]
        return upto - after
