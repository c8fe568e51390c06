"""The append-only log: lock, read what is new, decide, append, for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog

from domain.decider import Outcome, Step, StillWaiting
from domain.errors import JournalUnavailable, VaultClosed
from projections import event_metrics
from projections.storage import append_metrics
from projections.storage.append import Appender
from projections.storage.arrivals import Arrivals
from projections.storage.batch import Batch, Deciders
from projections.storage.failures import SILENT, words_of
from projections.storage.parking import Call, Parking
from projections.traces import TRACES

TOUCHED_MAX = 1_000
RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 8
# Most who are told that they hold a lock and mean to act at once have done so by then.
UNHURRIED_SECONDS = 0.002
log = structlog.get_logger()

Announce = Callable[[Collection[str]], None]


class StoredJournal:
    """`domain.decider.Journal` on PostgreSQL.

    One batch at a time is decided and appended in one transaction; meanwhile the next
    one gathers. So no decision is ever stale, there is nothing to retry, and any number
    of processes may write. `announce` is told of each append, and in which streams it
    has changed what somebody may wait for in another process.
    """

    def __init__(self, appender: Appender) -> None:
        self.announce: Announce = _nobody_listens
        self._stopping: Exception | None = None
        self._appender = appender
        self._parking: Parking = appender.parking
        self._calls = Arrivals()
        self._unhurried: list[tuple[Call, Outcome | Exception]] = []
        self._touched: Deciders = {}
        self._patience: asyncio.TimerHandle | None = None
        self._wake_up: asyncio.TimerHandle | None = None
        self.meet = appender.meet
        appender.meanwhile = self._tell_the_unhurried
        self._read_at = (appender.first_tip().at, monotonic())
        self._told = self._read_at[0]  # What `now` said last.

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        loop = asyncio.get_running_loop()
        call = Call(steps, loop.create_future(), may_wait=wait_seconds > 0)
        if call.may_wait:
            call.timer = loop.call_later(wait_seconds, self._give_up, call)
        with TRACES.span("journal.execute", steps=len(steps)) as call.span:
            self._calls.add(call)
            try:
                return await call.answer
            except asyncio.CancelledError:
                self._forget(call)
                raise

    def now(self) -> datetime:
        self._told = max(self._told, self._clock())
        return self._told

    @property
    def is_closing(self) -> bool:
        """Nobody waits here any more."""
        return self._stopping is not None

    @property
    def waiting(self) -> int:
        """How many calls are parked in this process."""
        return len(self._parking)

    def ring(self, streams: Iterable[str]) -> None:
        """Somebody else has appended to these: look again, if anybody waits there."""
        for stream in streams:
            if decider := self._parking.decider_of(stream):
                self._touched[stream] = decider
                self._calls.bell.set()

    def release_waiting(self, reason: Exception) -> None:
        """Send home who waits, and who would from now on: this process will stop.

        Each ticket keeps its place; what need not wait is decided as before.
        """
        self._stopping = reason
        self._send_home(reason)

    def _send_home(self, reason: Exception) -> None:
        for call in self._parking.empty():
            call.settle(reason)

    async def run(self) -> int:
        """Append batch after batch until cancelled."""
        while True:
            await self._calls.bell.wait()
            self._calls.bell.clear()
            calls, touched = self._gather()
            if not calls and not touched:
                continue
            self._expect_an_answer(calls)
            try:
                with TRACES.span("journal.append") as span:
                    batch = await self._appender.append(calls, touched, self._calls)
                    if span is not None:
                        _describe(span, batch)
            finally:
                self._expect_nothing()
            if batch.error:
                self._look_again_at(touched)
            elif batch.deciders:
                self._read_at = (batch.at, batch.read_at)
            self._tell(batch)
            try:
                if batch.has_woken:  # They are answered before anything else is done.
                    await asyncio.sleep(0)
            finally:
                self._settle(batch)
            if self._calls or self._touched:
                self._calls.bell.set()

    def close(self) -> None:
        self._expect_nothing()
        self._appender.close()

    def _gather(self) -> tuple[list[Call], Deciders]:
        names = list(self._touched)[:TOUCHED_MAX]
        touched = {stream: self._touched.pop(stream) for stream in names}
        return self._calls.take(), touched

    def _look_again_at(self, touched: Deciders) -> None:
        """Who waits there has not been told of what others appended."""
        loop = asyncio.get_running_loop()
        loop.call_later(RETRY_SECONDS, self.ring, list(touched))

    def _expect_an_answer(self, calls: Sequence[Call]) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(
            PATIENCE_SECONDS, self._tell_it_takes_long, calls
        )

    def _expect_nothing(self) -> None:
        if self._patience:
            self._patience.cancel()

    def _tell_it_takes_long(self, calls: Sequence[Call]) -> None:
        late = [*calls, *self._calls]
        self._calls.clear()
        log.warning("the database does not answer", calls=len(late))
        for call in late:
            if call.place is None:  # Else it waits for its turn, not for us.
                call.settle(JournalUnavailable(SILENT))
        self._appender.lose_if_silent()
        self._expect_an_answer(())  # For those who come from now on.

    def _settle(self, batch: Batch) -> None:
        if batch.error:
            error, calls = words_of(batch.error), len(batch.calls)
            log.warning("append failed", error=error, calls=calls)
        elif batch.records:
            self.announce(batch.unheard)
        if self._stopping is not None:
            self._send_home(self._stopping)
        self._look_again_when_due(RETRY_SECONDS if batch.error else 0)
        if not batch.error:
            event_metrics.count(batch.records, batch.before)
            append_metrics.count(batch)

    def _tell(self, batch: Batch) -> None:
        """First whose turn has come; the others once the next append is on its way.

        What the new holder does next is what everybody waits for: it must not come
        behind the answers to others, and what those ask for then. They wait no longer
        than that it can be seen whether he does anything just now.
        """
        for call, outcome in batch.outcomes:
            if batch.error:
                call.settle(_failure(batch.error))
            elif batch.has_woken and call.cause is None:
                self._unhurried.append((call, outcome))
            else:
                call.settle(outcome)
        if self._unhurried:
            loop = asyncio.get_running_loop()
            loop.call_later(UNHURRIED_SECONDS, self._tell_the_unhurried)

    def _tell_the_unhurried(self) -> None:
        unhurried, self._unhurried = self._unhurried, []
        for call, outcome in unhurried:
            call.settle(outcome)

    def _give_up(self, call: Call) -> None:
        """The caller's time to wait is over."""
        call.is_overdue = True
        if self._parking.discard(call):
            call.settle(StillWaiting(call.state, self.now()))
        # Else it is yet to be decided, and parks no more.

    def _forget(self, call: Call) -> None:
        """The caller has gone away."""
        self._parking.discard(call)
        if call.timer:
            call.timer.cancel()

    def _clock(self) -> datetime:
        """The database's time, which may go back."""
        at, read = self._read_at
        return at + timedelta(seconds=monotonic() - read)

    def _look_again_when_due(self, at_least_seconds: float = 0) -> None:
        """Time passes for parked calls also when nobody comes by."""
        if self._wake_up:
            self._wake_up.cancel()
            self._wake_up = None
        if due := self._parking.next_due():
            delay = max(at_least_seconds, (due - self._clock()).total_seconds())
            loop = asyncio.get_running_loop()
            self._wake_up = loop.call_later(delay, self._look_at_what_is_due)

    def _look_at_what_is_due(self) -> None:
        if due := self._parking.due(self._clock()):
            self.ring(due)  # After that batch `_settle` looks ahead again.
        else:
            self._look_again_when_due()


def _failure(error: Exception) -> Exception:
    """What the callers are told."""
    if isinstance(error, VaultClosed):
        return error  # Whose the events are cannot be told here.
    return JournalUnavailable(SILENT)


def _describe(span: Any, batch: Batch) -> None:
    """Whose calls it decided, and what came of them."""
    span.set_attributes(
        {"berth.calls": len(batch.calls), "berth.events": len(batch.records)}
    )
    for call in batch.calls:
        if call.span is not None:
            span.add_link(call.span.get_span_context())


def _nobody_listens(_: Collection[str]) -> None:
    pass
