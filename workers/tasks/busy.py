"""Which concurrency keys were found to be busy, so that they are not asked for in vain.

To ask for a slot of a key costs three questions to the journal. So what is known to be
busy is only asked for again once its stream has changed, or after a while: longer each
time that it is found as it was. All tasks of a key are put off for as long, be they old
or new, so that none of them is favoured.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 4.0
REMEMBERED_MAX = 10_000


@dataclass
class Busy:
    until: float = 0.0
    pause_seconds: float = PAUSE_SECONDS / 2


@dataclass
class BusyKeys:
    """A key is known by the stream of its slots, once a task of it was looked at."""

    now: Callable[[], float] = monotonic
    _keys: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _busy: OrderedDict[str, Busy] = field(default_factory=OrderedDict)

    def learn(self, operation_id: str, key: str) -> bool:
        """Whether it is known to be busy."""
        _put(self._keys, operation_id, key)
        return self.is_busy(operation_id)

    def is_busy(self, operation_id: str) -> bool:
        busy = self._busy.get(self._keys.get(operation_id, ""))
        return busy is not None and self.now() < busy.until

    def found(self, operation_id: str) -> float:
        """It was busy, as known or as asked for: put the task off for so long."""
        key = self._keys.get(operation_id)
        if key is None:
            return PAUSE_SECONDS
        busy = self._busy.get(key) or Busy()
        if self.now() >= busy.until:
            busy.pause_seconds = min(busy.pause_seconds * 2, PAUSE_SECONDS_MAX)
            busy.until = self.now() + busy.pause_seconds
            _put(self._busy, key, busy)
        return busy.pause_seconds

    def changed(self, streams: Iterable[str]) -> None:
        """Something happened to these, so that they may be free."""
        for stream in streams:
            self._busy.pop(stream, None)


def _put(known: OrderedDict[str, Any], name: str, what: Any) -> None:
    known[name] = what
    known.move_to_end(name)
    if len(known) > REMEMBERED_MAX:
        known.popitem(last=False)
