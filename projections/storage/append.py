"""One append: a transaction that locks, reads, decides and inserts."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

from eventsourcing.persistence import JSONTranscoder
from psycopg import Cursor
from psycopg.rows import DictRow

from projections.storage.batch import Batch, Deciders, Head
from projections.storage.database import Database
from projections.storage.heads import HEADS_MAX, Heads, find_snapshots, keep_snapshots
from projections.storage.mapper import EventMapper
from projections.storage.parking import Call, Parking
from projections.storage.recorder import Recorder, Tip

PAGE = 1_000
ALL = 1_000_000_000


Latecomers = Callable[[Container[str]], list[Call]]


def nobody(_: Container[str]) -> list[Call]:
    return []


class Appender:
    """Decides and appends batches for one process, one at a time."""

    def __init__(self, database: Database) -> None:
        self.heads = Heads()
        self.parking = Parking()
        self._recorder = Recorder(database)
        self._mapper = EventMapper(JSONTranscoder())
        self._position = 0  # Where the journal ended when we last appended.
        self._current: set[str] = set()  # Heads that only we have moved since then.

    def tip(self) -> Tip:
        """Where the journal ends, and its time, once the database answers."""
        return self._recorder.tip()

    def close(self) -> None:
        self._recorder.close()

    def append(
        self, calls: list[Call], touched: Deciders, late: Latecomers = nobody
    ) -> Batch:
        """Decide `calls` and commit; if that fails, the batch answers with the error.

        `late` is asked, once no other append can run, who has come meanwhile and needs
        nothing loaded: they get along, and are added to `calls`.

        A connection may turn out to be broken before anything was decided: that is
        tried once more. After that, whether the commit took effect is not known.
        """
        batch = self._attempt(calls, touched, late)
        if batch.error and self._recorder.is_lost and not batch.has_begun:
            batch = self._attempt(calls, touched, late)
        if batch.error:
            self._recorder.close()
            batch.fail(batch.error, calls)
        self.heads.forget()
        return batch

    def _attempt(self, calls: list[Call], touched: Deciders, late: Latecomers) -> Batch:
        batch = Batch(self.heads, self.parking)
        try:
            self._run(batch, calls, touched, late)
        except Exception as error:  # noqa: BLE001 - it becomes the callers' answer
            batch.error = error
        return batch

    def _run(
        self,
        batch: Batch,
        calls: list[Call],
        touched: Deciders,
        late: Latecomers,
    ) -> None:
        cursor = self._recorder.open()

        def catch_up(more: Deciders) -> None:
            self._load(cursor, more)
            self._learn(batch, cursor, more)

        self._load(cursor, _streams_of(calls) | touched)
        tip = self._recorder.begin(cursor)
        calls += late(self.heads)
        deciders = _streams_of(calls) | touched
        batch.open(tip.at, tip.position, deciders, catch_up)
        if tip.position != self._position or len(self._current) > HEADS_MAX:
            self._current.clear()  # Somebody else has appended, to whatever stream.
        self._learn(batch, cursor, deciders)
        batch.decide(calls)
        if batch.records:
            events = [self._mapper.to_stored_event(record) for record in batch.records]
            self._recorder.append(cursor, tip.position, events)
            batch.heads |= keep_snapshots(cursor, batch.heads, batch.deciders)
        self._recorder.commit(cursor)
        # Only now: all of it has come to stay.
        self.heads.keep({s: h for s, h in batch.heads.items() if s not in batch.fresh})
        self._position = batch.position
        batch.look_ahead()

    def _load(self, cursor: Cursor[DictRow], deciders: Deciders) -> None:
        """Fold the past of streams that are not known here, a page at a time.

        That may take long, so the lock is not held yet; what comes in between is news.
        """
        cold = {s: d for s, d in deciders.items() if s not in self.heads}
        if not cold:
            return
        self._current -= cold.keys()
        empty = {s: Head(0, d.initial) for s, d in cold.items()}
        self.heads.keep(empty | find_snapshots(cursor, cold))
        try:
            for stream, decider in cold.items():
                while len(self._fold(cursor, {stream: decider}, PAGE)) == PAGE:
                    pass
        except BaseException:
            self.heads.drop(cold)  # Half folded, they would be folded under the lock.
            raise

    def _learn(self, batch: Batch, cursor: Cursor[DictRow], deciders: Deciders) -> None:
        """Fold in what others appended, and wake whom it concerns."""
        stale = {s: d for s, d in deciders.items() if s not in self._current}
        if not stale:
            return
        for stream, event, position in self._fold(cursor, stale, ALL):
            batch.learn(stream, event, position)
        self._current |= stale.keys()

    def _fold(
        self, cursor: Cursor[DictRow], deciders: Deciders, limit: int
    ) -> Sequence[tuple[str, Any, int]]:
        versions = {stream: self.heads[stream].version for stream in deciders}
        news = []
        for notification in self._recorder.news(cursor, versions, limit=limit):
            record = self._mapper.to_domain_event(notification)
            stream, event = record.originator_id, record.event
            head = self.heads[stream].followed_by(event, deciders[stream])
            self.heads.keep({stream: head})
            news.append((stream, event, record.position))
        return news


def _streams_of(calls: Sequence[Call]) -> Deciders:
    return {s.stream: s.decider for c in calls for s in c.steps if not s.fresh}
