"""One append: a transaction that locks, reads, decides and inserts."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from eventsourcing.persistence import JSONTranscoder, StoredEvent

from domain.decider import Decider
from domain.record import Recorded
from projections.storage import append_metrics
from projections.storage.arrivals import Arrivals, is_full
from projections.storage.batch import Batch, Deciders, Head, streams_of
from projections.storage.database import Database
from projections.storage.heads import HEADS_MAX, NEWS_MAX, Heads, loaded, snapshots_due
from projections.storage.mapper import EventMapper
from projections.storage.parking import Call, Parking
from projections.storage.recorder import ALL, Recorder, Tip
from projections.storage.subjects import SubjectUnknown
from projections.storage.threads import in_thread

NEVER = datetime.min.replace(tzinfo=UTC)
COMPANY_SECONDS = 0.002


class Appender:
    """Decides and appends batches for one process, one at a time."""

    def __init__(self, database: Database) -> None:
        self.heads = Heads()
        self.parking = Parking()
        # Called once PostgreSQL is busy.
        self.meanwhile: Callable[[], None] = lambda: None
        self._recorder = Recorder(database)
        self._subjects = database.subjects
        self._mapper = EventMapper(JSONTranscoder(), self._subjects)
        self._erasures = 0  # How many there had been when these heads were loaded.
        self._position = 0  # Where the journal ended when we last appended.
        self._current: set[str] = set()  # Heads that only we have moved since then.
        self._is_alone = False  # Nobody else had appended when we last did.
        self._read_at = (NEVER, 0.0)  # The database's time, and `monotonic` after that.

    def first_tip(self) -> Tip:
        """Where the journal ends, and its time; `JournalUnavailable` if not known."""
        return self._recorder.first_tip()

    def lose_if_silent(self) -> None:
        """An append that will never be answered comes to its end."""
        self._recorder.lose_if_silent()

    def close(self) -> None:
        self._recorder.close()

    def meet(self, first: Recorded, decider: Decider[Any, Any, Any]) -> None:
        """A stream begins with `first`: whoever is to decide on it need not load that.

        What came after it is read under the lock, as with any head.
        """
        stream = first.originator_id
        is_new = first.originator_version == 1 and stream not in self.heads
        if is_new and self.heads.has_room:
            self._current.discard(stream)
            head = Head(0, decider.initial).followed_by(first.event, decider)
            self.heads.keep({stream: head})

    async def append(
        self, calls: list[Call], touched: Deciders, others: Arrivals
    ) -> Batch:
        """Decide `calls` and commit; if that fails, the batch answers with the error.

        Of the `others`, who come meanwhile and need nothing loaded get along, and are
        added to `calls`.

        A connection may turn out to be broken before anything was decided: that is
        tried once more. After that, whether the commit took effect is not known.
        """
        batch = await self._attempt(calls, touched, others)
        if batch.error and self._recorder.is_lost and not batch.has_begun:
            batch = await self._attempt(calls, touched, others)
        if batch.error:
            self._recorder.close()
            batch.fail(batch.error, calls)
            append_metrics.FAILURES.inc()
        self.heads.forget()
        return batch

    async def _attempt(
        self, calls: list[Call], touched: Deciders, others: Arrivals
    ) -> Batch:
        self._forget_the_erased()
        batch, began = Batch(self.heads, self.parking), monotonic()
        try:
            is_ahead = await self._append_ahead(batch, calls, touched, others)
            is_there, most = is_ahead, NEWS_MAX
            while not is_there:
                calls += batch.undo(calls)
                self._forget_the_erased()
                batch = Batch(self.heads, self.parking)
                is_there = await self._append_locked(
                    batch, calls, touched, others, most
                )
                most = ALL  # By now that is what came in a moment.
            batch.seconds, batch.is_ahead = monotonic() - began, is_ahead
        except Exception as error:  # noqa: BLE001 - it becomes the callers' answer
            batch.error = error
        return batch

    async def _append_ahead(
        self, batch: Batch, calls: list[Call], touched: Deciders, others: Arrivals
    ) -> bool:
        """Decide first, as though nobody else had appended since we did.

        False if that is not known to be so; then nothing has happened. Else it is one
        round trip, in which the journal is locked only while PostgreSQL itself is busy.
        """
        deciders = streams_of(calls) | touched
        if not (self._is_alone and self._recorder.is_open and self._knows(deciders)):
            return False
        batch.open(self._now(), self._position, deciders)
        coming, events = calls, list[StoredEvent]()
        while True:
            for more in batch.decide(coming):
                if not self._knows(more):
                    return False
            events += await self._stored(batch.records[len(events) :])
            coming = await self._company(batch, others)
            if not coming:
                break
            calls += coming
        if snapshots_due(batch.heads, batch.deciders):
            return False
        if self._names_the_erased:
            return False
        get_running_loop().call_soon(self.meanwhile)
        now = await self._recorder.append_if(batch.after, batch.at, events)
        self._is_alone = now is not None
        if now is None:
            return False
        self._read_at = (now, monotonic())
        self._keep(batch, batch.heads)
        return True

    async def _company(self, batch: Batch, others: Arrivals) -> list[Call]:
        """Who else gets along; nobody, once the batch had better set out.

        Who was answered together asks again together: let them be one batch. Where a
        queue has formed, whoever joins it waits a little for the next hand-over, or
        that would have to wait for his commit; a hand-over itself waits for nobody.
        """
        if batch.has_woken or is_full(batch.calls):
            return []
        until = batch.read_at + COMPANY_SECONDS if batch.is_queueing else 0
        await others.more(until - monotonic())
        return others.take_known(self._current)

    async def _append_locked(
        self,
        batch: Batch,
        calls: list[Call],
        touched: Deciders,
        others: Arrivals,
        most: int,
    ) -> bool:
        """Lock, see what others have appended, decide.

        False, and nothing has happened, if somebody was erased meanwhile, or if others
        have appended to a stream as often as `most`: with the journal locked, everybody
        would wait until all of that is read.
        """
        await self._connect()
        await self._meet_people(calls)
        # What would wake them may be in the past that is loaded now: they ask again.
        while more := self.parking.take_all(
            self.heads.cold(streams_of(calls) | touched)
        ):
            calls += more
        await self._load(streams_of(calls) | touched)
        # Where others append, too, what was current most likely is not so any more.
        current = self._current if self._is_alone else frozenset()
        stale = [s for s in streams_of(calls) | touched if s not in current]
        get_running_loop().call_soon(self.meanwhile)
        tip, news = await self._recorder.begin(self.heads.versions(stale), most)
        self._read_at = (tip.at, monotonic())
        calls += others.take_known(self.heads)
        deciders = streams_of(calls) | touched
        self._is_alone = tip.position == self._position
        if not self._is_alone or len(self._current) > HEADS_MAX:
            self._current.clear()  # Somebody else has appended, to whatever stream.
        read = {*stale}
        if left := [s for s in deciders if s not in read and s not in self._current]:
            more_news = self._recorder.news(self.heads.versions(left), limit=most)
            news = [*news, *await more_news]
        if self.heads.drop_far_behind(news, most):
            await self._recorder.end(tip.position, ())
            return False
        batch.open(tip.at, tip.position, deciders)
        self._fold(batch, [*stale, *left], news)
        for new in batch.decide(calls):
            calls += batch.join(self.parking.take_all(self.heads.cold(new)))
            await self._load(new)
            await self._learn(batch, new)
        events = await self._stored(batch.records)
        if self._names_the_erased:
            self._recorder.close()
            return False
        snapshots = snapshots_due(batch.heads, batch.deciders)
        await self._recorder.end(tip.position, events, snapshots, self._erasures)
        kept = {s.stream: batch.heads[s.stream].kept() for s in snapshots}
        self._keep(batch, batch.heads | kept)
        return True

    async def _stored(self, records: Sequence[Recorded]) -> list[StoredEvent]:
        """Whoever acts for the first time is given a key, on disk before the event."""
        while True:
            try:
                return [self._mapper.to_stored_event(record) for record in records]
            except SubjectUnknown:
                assert self._subjects is not None
                await in_thread(self._subjects.learn, records)

    async def _connect(self) -> None:
        """What is found may be less than what was lost: of a standby that took over, or
        of a backup, the last commits may be missing, whatever is known of them here.
        """
        if not self._recorder.is_open:
            self._forget_streams()
            if self._subjects is not None:
                self._subjects.forget()
            await self._recorder.open()

    async def _meet_people(self, calls: Sequence[Call]) -> None:
        """Ahead of the lock; those who come along later have to be met under it."""
        if self._subjects is None:
            return
        actors = (step.command.by for call in calls for step in call.steps)
        if strangers := self._subjects.strangers(actors):
            await in_thread(self._subjects.meet, strangers)

    @property
    def _names_the_erased(self) -> bool:
        """What is known of streams may tell of somebody who was erased since then.

        Whatever is hidden from then on would have that name in plain.
        """
        return self._subjects is not None and self._subjects.erasures != self._erasures

    def _forget_the_erased(self) -> None:
        if self._subjects is not None and self._names_the_erased:
            self._erasures = self._subjects.erasures
            self._forget_streams()

    def _forget_streams(self) -> None:
        self.heads.keep_none()
        self._current.clear()

    def _keep(self, batch: Batch, heads: Mapping[str, Head]) -> None:
        """The batch has come to stay."""
        self.heads.keep({s: h for s, h in heads.items() if s not in batch.fresh})
        self._position = batch.position
        batch.look_ahead()

    def _knows(self, deciders: Deciders) -> bool:
        """Whether these streams are here as they were when we last appended."""
        return all(s in self._current and s in self.heads for s in deciders)

    def _now(self) -> datetime:
        """The database's time, or a moment before; never before our last append."""
        at, read = self._read_at
        return at + timedelta(seconds=monotonic() - read)

    async def _load(self, deciders: Deciders) -> None:
        """Half folded, they would have to be folded under the lock: they are kept only
        when all of them are there. What comes after that is news.
        """
        if cold := self.heads.cold(deciders):
            self._current -= cold.keys()
            self.heads.keep(await loaded(self._recorder, cold))

    async def _learn(self, batch: Batch, deciders: Deciders) -> None:
        """Fold in what others appended, and wake whom it concerns."""
        stale = [s for s in deciders if s not in self._current]
        if stale:
            news = await self._recorder.news(self.heads.versions(stale), limit=ALL)
            self._fold(batch, stale, news)

    def _fold(
        self, batch: Batch, stale: Collection[str], news: Sequence[Recorded]
    ) -> None:
        self.heads.keep(batch.learn(news))
        self._current.update(stale)
