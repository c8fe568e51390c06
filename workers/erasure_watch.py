"""Notices that somebody was erased, and has this process forget them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from projections.storage.subjects import Subjects
from projections.storage.threads import in_thread

EVERY_SECONDS = 1.0


class ErasureWatch:
    """`forget` are called then: whatever else here may have kept names in memory."""

    def __init__(
        self, subjects: Subjects, forget: Sequence[Callable[[], None]]
    ) -> None:
        self._subjects = subjects
        self._forget = forget
        self._seen = -1

    async def run_once(self) -> int:
        """Ask the database; return how many times something was forgotten."""
        erasures = await in_thread(self._subjects.look)
        is_news, self._seen = self._seen not in (-1, erasures), erasures
        for forget in self._forget if is_news else ():
            forget()
        return 0
