"""Calls that wait: each beside its stream, found by the key it waits for."""

from __future__ import annotations

from asyncio import Future, TimerHandle
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any

from domain.decider import Decider, Outcome, Step

OUTDATED_MAX = 100


@dataclass(slots=True, eq=False)
class Call:
    """Steps that somebody waits for.

    `place` is where the call is parked, `state` what its stream was like then; `cause`,
    the position of the event that woke it. Once `is_overdue`, it parks no more. `span`
    is that of who waits, if there are traces.
    """

    steps: Sequence[Step]
    answer: Future[Outcome]
    may_wait: bool = False
    is_overdue: bool = False
    size_bytes: int = 0
    timer: TimerHandle | None = None
    place: tuple[str, str] | None = None
    state: Any = None
    cause: int | None = None
    span: Any = None

    def settle(self, outcome: Outcome | Exception) -> None:
        if self.timer:
            self.timer.cancel()
        if self.answer.done():  # The caller has gone away.
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


@dataclass(slots=True)
class Stand:
    """The calls parked beside one stream, by key; `until`, the next moment to look."""

    decider: Decider[Any, Any, Any]
    calls: defaultdict[str, list[Call]] = field(
        default_factory=lambda: defaultdict(list)
    )
    until: datetime | None = None


class Parking:
    """All the stands of one process.

    `_dues` is a heap of their moments, since the next one is asked for after each
    append, and of others that are outdated by now.
    """

    def __init__(self) -> None:
        self._stands: dict[str, Stand] = {}
        self._dues: list[tuple[datetime, str]] = []

    def __contains__(self, stream: object) -> bool:
        return stream in self._stands

    def __len__(self) -> int:
        stands = self._stands.values()
        return sum(len(calls) for s in stands for calls in s.calls.values())

    def park(
        self, call: Call, stream: str, decider: Decider[Any, Any, Any], key: str
    ) -> None:
        stand = self._stands.get(stream)
        if stand is None:
            stand = self._stands[stream] = Stand(decider)
        stand.calls[key].append(call)
        call.place = (stream, key)

    def take(self, stream: str, key: str) -> Sequence[Call]:
        """The calls that wait for `key`, which no longer do."""
        stand = self._stands.get(stream)
        calls = stand.calls.pop(key, []) if stand else []
        for call in calls:
            call.place = None
        self._forget_if_empty(stream)
        return calls

    def take_all(self, streams: Iterable[str]) -> Sequence[Call]:
        """The calls parked beside any of these, which no longer are."""
        found = [self._stands.pop(stream) for stream in streams if stream in self]
        calls = [c for s in found for parked in s.calls.values() for c in parked]
        for call in calls:
            call.place = None
        return calls

    def discard(self, call: Call) -> bool:
        """Take one call away; False if it was not parked, or is being decided."""
        if call.place is None:
            return False
        stream, key = call.place
        calls = self._stands[stream].calls
        calls[key].remove(call)
        if not calls[key]:
            del calls[key]
        call.place = None
        self._forget_if_empty(stream)
        return True

    def empty(self) -> Sequence[Call]:
        """Every call that was parked, none of which is any more."""
        return self.take_all([*self._stands])

    def decider_of(self, stream: str) -> Decider[Any, Any, Any] | None:
        stand = self._stands.get(stream)
        return stand.decider if stand else None

    def look_again(self, stream: str, until: datetime | None) -> None:
        """Time will have something to say about `stream` at `until`."""
        stand = self._stands.get(stream)
        if stand is None or stand.until == until:
            return
        stand.until = until
        if until is not None:
            heappush(self._dues, (until, stream))
        if len(self._dues) > 2 * len(self._stands) + OUTDATED_MAX:
            self._dues = [due for due in {*self._dues} if self._is_current(due)]
            heapify(self._dues)

    def due(self, at: datetime) -> Sequence[str]:
        """The streams for which time may have changed an answer by `at`."""
        stands = self._stands.items()
        return [name for name, s in stands if s.until is not None and s.until <= at]

    def next_due(self) -> datetime | None:
        while self._dues and not self._is_current(self._dues[0]):
            heappop(self._dues)
        return self._dues[0][0] if self._dues else None

    def _is_current(self, due: tuple[datetime, str]) -> bool:
        until, stream = due
        stand = self._stands.get(stream)
        return stand is not None and stand.until == until

    def _forget_if_empty(self, stream: str) -> None:
        stand = self._stands.get(stream)
        if stand is not None and not stand.calls:
            del self._stands[stream]
