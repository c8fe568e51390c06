"""One append: a transaction that locks, reads, decides and inserts."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from eventsourcing.persistence import JSONTranscoder

from domain.record import Recorded
from projections.storage.batch import Batch, Deciders, Head
from projections.storage.database import Database
from projections.storage.heads import (
    HEADS_MAX,
    Heads,
    regained,
    shape_of,
    snapshots_due,
)
from projections.storage.mapper import EventMapper
from projections.storage.parking import Call, Parking
from projections.storage.recorder import Recorder, Tip

PAGE = 1_000
ALL = 1_000_000_000


Latecomers = Callable[[Container[str]], list[Call]]


class Appender:
    """Decides and appends batches for one process, one at a time."""

    def __init__(self, database: Database) -> None:
        self.heads = Heads()
        self.parking = Parking()
        self._recorder = Recorder(database)
        self._mapper = EventMapper(JSONTranscoder())
        self._position = 0  # Where the journal ended when we last appended.
        self._current: set[str] = set()  # Heads that only we have moved since then.

    def first_tip(self) -> Tip:
        """Where the journal ends, and its time; `JournalUnavailable` if not known."""
        return self._recorder.first_tip()

    def close(self) -> None:
        self._recorder.close()

    async def append(
        self, calls: list[Call], touched: Deciders, late: Latecomers
    ) -> Batch:
        """Decide `calls` and commit; if that fails, the batch answers with the error.

        `late` is asked, once no other append can run, who has come meanwhile and needs
        nothing loaded: they get along, and are added to `calls`.

        A connection may turn out to be broken before anything was decided: that is
        tried once more. After that, whether the commit took effect is not known.
        """
        batch = await self._attempt(calls, touched, late)
        if batch.error and self._recorder.is_lost and not batch.has_begun:
            batch = await self._attempt(calls, touched, late)
        if batch.error:
            self._recorder.close()
            batch.fail(batch.error, calls)
        self.heads.forget()
        return batch

    async def _attempt(
        self, calls: list[Call], touched: Deciders, late: Latecomers
    ) -> Batch:
        batch = Batch(self.heads, self.parking)
        try:
            await self._run(batch, calls, touched, late)
        except Exception as error:  # noqa: BLE001 - it becomes the callers' answer
            batch.error = error
        return batch

    async def _run(
        self, batch: Batch, calls: list[Call], touched: Deciders, late: Latecomers
    ) -> None:
        await self._recorder.open()
        await self._load(_streams_of(calls) | touched)
        tip = await self._recorder.begin()
        calls += late(self.heads)
        deciders = _streams_of(calls) | touched
        batch.open(tip.at, tip.position, deciders)
        if tip.position != self._position or len(self._current) > HEADS_MAX:
            self._current.clear()  # Somebody else has appended, to whatever stream.
        await self._learn(batch, deciders)
        for more in batch.decide(calls):
            await self._load(more)
            await self._learn(batch, more)
        events = [self._mapper.to_stored_event(record) for record in batch.records]
        snapshots = snapshots_due(batch.heads, batch.deciders)
        await self._recorder.end(tip.position, events, snapshots)
        # Only now: all of it has come to stay.
        kept = {s.stream: batch.heads[s.stream].kept() for s in snapshots}
        heads = (batch.heads | kept).items()
        self.heads.keep({s: head for s, head in heads if s not in batch.fresh})
        self._position = batch.position
        batch.look_ahead()

    async def _load(self, deciders: Deciders) -> None:
        """Fold the past of streams that are not known here, a page at a time.

        That may take long, so it is best done before the journal is locked; what comes
        in between is news. Half folded, they would have to be folded under the lock:
        they are kept only when all of them are there.
        """
        cold = {s: d for s, d in deciders.items() if s not in self.heads}
        if not cold:
            return
        self._current -= cold.keys()
        shapes = {stream: shape_of(decider) for stream, decider in cold.items()}
        heads = {stream: Head(0, decider.initial) for stream, decider in cold.items()}
        heads |= regained(await self._recorder.find_snapshots(shapes), cold)
        for stream, decider in cold.items():
            read = PAGE
            while read == PAGE:
                news = await self._news({stream: heads[stream]}, limit=PAGE)
                for record in news:
                    heads[stream] = heads[stream].followed_by(record.event, decider)
                read = len(news)
        self.heads.keep(heads)

    async def _learn(self, batch: Batch, deciders: Deciders) -> None:
        """Fold in what others appended, and wake whom it concerns."""
        stale = {s: d for s, d in deciders.items() if s not in self._current}
        if not stale:
            return
        heads = {stream: self.heads[stream] for stream in stale}
        for record in await self._news(heads, limit=ALL):
            stream, event = record.originator_id, record.event
            heads[stream] = heads[stream].followed_by(event, stale[stream])
            batch.learn(stream, event, record.position)
        self.heads.keep(heads)
        self._current |= stale.keys()

    async def _news(
        self, heads: Mapping[str, Head], *, limit: int
    ) -> Sequence[Recorded]:
        versions = {stream: head.version for stream, head in heads.items()}
        return await self._recorder.news(versions, limit=limit)


def _streams_of(calls: Sequence[Call]) -> Deciders:
    return {s.stream: s.decider for c in calls for s in c.steps if not s.fresh}
