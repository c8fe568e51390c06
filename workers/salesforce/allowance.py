"""How often something may be asked for: many times at once, but not for long."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic

REMEMBERED_MAX = 10_000


class Allowance:
    """For each key `at_once` times, and then once in `every_seconds`."""

    def __init__(self, at_once: int, every_seconds: float) -> None:
        self._at_once = at_once
        self._every_seconds = every_seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether it may be now; then there is one time less left."""
        now = monotonic()
        left, since = self._left.pop(key, (float(self._at_once), now))
        left = min(self._at_once, left + (now - since) / self._every_seconds)
        may = left >= 1
        self._left[key] = (left - may, now)
        if len(self._left) > REMEMBERED_MAX:
            self._left.popitem(last=False)
        return may
