"""The journal in memory: the same promises as the stored one, none of the waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.decider import Decider, Outcome, Step, StillWaiting
from domain.errors import JournalUnavailable
from domain.event import Event
from domain.record import Recorded
from projections.storage.batch import Batch, Deciders, Head
from projections.storage.parking import Call, Parking
from tests.support.builders import NOON


class Hands:
    """A clock you turn by hand."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self._turned: list[Callable[[], None]] = []

    def __call__(self) -> datetime:
        return self.at

    def turn(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        """From any thread; whoever waits hears of it."""
        self.at += timedelta(seconds=seconds, minutes=minutes, days=days)
        for tell in self._turned:
            tell()

    def tell(self, listener: Callable[[], None]) -> None:
        self._turned.append(listener)


class MemoryJournal:
    """`domain.decider.Journal`, deciding with the stored one's own `Batch`.

    Waiting calls are decided again when an event wakes them or the clock is turned, and
    give up when their time has passed on the clock or in the real world. While
    `is_down`, every call gets `JournalUnavailable`.
    """

    def __init__(self, clock: Hands | None = None) -> None:
        self.clock = clock or Hands()
        self.clock.tell(self._when_turned)
        self.records: list[Recorded] = []
        self.is_down = False
        self._at = self.clock()
        self._heads: dict[str, Head] = {}
        self._parking = Parking()
        self._calls: list[Call] = []
        self._touched: Deciders = {}
        self._patience: dict[Call, datetime] = {}

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        loop = asyncio.get_running_loop()
        call = Call(steps, loop.create_future(), may_wait=wait_seconds > 0)
        if call.may_wait:
            self._patience[call] = self.now() + timedelta(seconds=wait_seconds)
            call.timer = loop.call_later(wait_seconds, self._give_up, call)
        self._calls.append(call)
        loop.call_soon(self._append)
        try:
            return await call.answer
        finally:
            self._parking.discard(call)
            self._patience.pop(call, None)
            if call.timer:
                call.timer.cancel()

    def now(self) -> datetime:
        return max(self.clock(), self._at)

    @property
    def waiting(self) -> int:
        """How many calls are parked."""
        return len(self._parking)

    def events_of(self, stream: str) -> Sequence[Event]:
        return [r.event for r in self.records if r.originator_id == stream]

    def state_of(self, decider: Decider[Any, Any, Any], stream: str) -> Any:
        return decider.fold(self.events_of(stream))

    def ring(self, streams: Iterable[str]) -> None:
        """Look again, if anybody waits beside these."""
        for stream in streams:
            if decider := self._parking.decider_of(stream):
                self._touched[stream] = decider
        self._append()

    def _append(self) -> None:
        calls, self._calls = self._calls, []
        touched, self._touched = self._touched, {}
        if self.is_down:
            for call in calls:
                call.settle(JournalUnavailable("the journal is down"))
            return
        if not calls and not touched:
            return
        batch = Batch(self._heads, self._parking)
        deciders = {s.stream: s.decider for c in calls for s in c.steps if not s.fresh}
        try:
            self._make_known(deciders | touched)
            now, after = self.now(), len(self.records)
            batch.open(now, after, deciders | touched)
            for more in batch.decide(calls):
                self._make_known(more)
        except Exception as error:  # noqa: BLE001 - as the stored one: all of it fails
            batch.fail(JournalUnavailable(str(error)), calls)
        else:
            self._keep(batch)
        for call, outcome in batch.outcomes:
            call.settle(outcome)

    def _keep(self, batch: Batch) -> None:
        self._at = batch.at
        self._heads |= batch.heads
        batch.look_ahead()
        self.records += batch.records

    def _make_known(self, deciders: Deciders) -> None:
        for stream, decider in deciders.items():
            self._heads.setdefault(stream, Head(0, decider.initial))

    def _give_up(self, call: Call) -> None:
        call.is_overdue = True
        if self._parking.discard(call):
            call.settle(StillWaiting(call.state, self.now()))

    def _when_turned(self) -> None:
        for loop in {call.answer.get_loop() for call in list(self._patience)}:
            loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        """What came to pass before a call's time was over still reaches it."""
        for call, until in self._overdue():
            if call.place and call.place[0] not in self._parking.due(until):
                self._give_up(call)
        self.ring(self._parking.due(self.now()))
        for call, _ in self._overdue():
            self._give_up(call)

    def _overdue(self) -> Sequence[tuple[Call, datetime]]:
        now = self.now()
        return [(c, until) for c, until in self._patience.items() if until <= now]
