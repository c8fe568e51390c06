"""What one append leads to: every call that gathered, decided in order.

Nothing here knows PostgreSQL; the journal in memory decides with the same code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from msgspec import Struct

from domain.decider import Decider, Outcome, Step, StillWaiting, Wait
from domain.event import Event, system
from domain.record import Origin, Recorded, origin_of
from projections.storage.parking import Call, Parking
from projections.storage.uuid7 import event_id

TIME = system("time")


class Head(Struct, frozen=True):
    """Where a stream stands: its version, and the state folded up to it.

    `snapshot` is the version of the latest snapshot stored, 0 without one.
    """

    version: int
    state: Any
    snapshot: int = 0

    def followed_by(self, event: Event, decider: Decider[Any, Any, Any]) -> Head:
        state = decider.evolve(self.state, event)
        return Head(self.version + 1, state, self.snapshot)

    def kept(self) -> Head:
        """Once a snapshot of it has been stored."""
        return Head(self.version, self.state, self.version)


Deciders = dict[str, Decider[Any, Any, Any]]


def streams_of(calls: Iterable[Call]) -> Deciders:
    """What must be current before `calls` are decided: what has a past."""
    return {s.stream: s.decider for c in calls for s in c.steps if not s.fresh}


class Batch:
    """Decides calls against heads which are current and stay so until the commit.

    `before` has for each record the state of its stream until then.
    `outcomes` has an answer for each call that does not go on waiting; `calls` are all
    that were decided; `fresh`, the streams that began here; `unheard`, those where
    something happened that may concern a call parked in another process.
    """

    at: datetime
    after: int
    read_at: float  # What `monotonic` said when it was `at`.
    seconds: float  # How long the append took, and whether it was decided before.
    is_ahead: bool

    def __init__(self, known: Mapping[str, Head], parking: Parking) -> None:
        self.heads: dict[str, Head] = {}
        self.deciders: Deciders = {}
        self.records: list[Recorded] = []
        self.before: list[Any] = []
        self.outcomes: list[tuple[Call, Outcome | Exception]] = []
        self.calls: list[Call] = []
        self.fresh: set[str] = set()
        self.unheard: set[str] = set()
        self.error: Exception | None = None
        self._known = known
        self._parking = parking
        self._passed: dict[str, int] = {}
        self._to_do: deque[Call] = deque()
        self._woken: list[tuple[Call, str, str]] = []

    @property
    def position(self) -> int:
        return self.after + len(self.records)

    @property
    def has_begun(self) -> bool:
        return bool(self.calls or self._to_do)

    @property
    def has_woken(self) -> bool:
        return bool(self._woken)

    @property
    def is_queueing(self) -> bool:
        """Whatever was asked was asked where others wait for their turn."""
        return bool(self.calls) and all(
            any(step.stream in self._parking for step in call.steps)
            for call in self.calls
        )

    def open(self, at: datetime, after: int, deciders: Deciders) -> None:
        """It is `at`, and the journal ends `after`; these streams will be touched."""
        self.at, self.after, self.read_at = at, after, monotonic()
        self.deciders |= deciders

    def learn(self, news: Iterable[Recorded]) -> Mapping[str, Head]:
        """Another process appended these: where it leaves their streams.

        Whom it concerns here is woken.
        """
        heads: dict[str, Head] = {}
        for record in news:
            stream, event = record.originator_id, record.event
            decider, head = self.deciders[stream], heads.get(stream)
            heads[stream] = (head or self._known[stream]).followed_by(event, decider)
            self._wake(stream, decider, event, record.position)
        return heads

    def decide(self, calls: Iterable[Call]) -> Iterator[Deciders]:
        """Decide `calls`, and each parked call that something wakes; again for others.

        Yields the streams that must be current before it goes on; what others appended
        to them is told through `learn`.
        """
        is_first = not self.calls
        self._to_do.extend(calls)
        if is_first:
            self._let_time_pass(dict(self.deciders))
        while self._to_do:
            call = self._to_do.popleft()
            self.calls.append(call)
            if new := self._not_seen(call.steps):
                yield new
                self._let_time_pass(new)
            if not call.answer.done():  # Else the caller has gone away.
                self._settle(call)

    def join(self, calls: Sequence[Call]) -> Sequence[Call]:
        """The same, which are decided along with those that are being decided."""
        self._to_do.extend(calls)
        return calls

    def look_ahead(self) -> None:
        """Once the batch has come to stay: when will time change what was parked?"""
        for stream, decider in self.deciders.items():
            if stream in self._parking:
                self._parking.look_again(stream, decider.due(self._head(stream).state))

    def undo(self, calls: Iterable[Call]) -> list[Call]:
        """Nothing came of it: who was woken waits again, who was parked does not.

        The next batch is to decide `calls`, and those that this returns: their time to
        wait ran out meanwhile.
        """
        for call in (*self.calls, *self._to_do):
            call.cause = None
            self._parking.discard(call)
        asked = {*calls}
        woken = [one for one in self._woken if one[0] not in asked]
        for call, stream, key in woken:
            if not call.answer.done() and not call.is_overdue:
                decider = self.deciders[stream]
                self._parking.park(call, stream, decider, key)
                until = decider.due(self._known[stream].state)
                self._parking.look_again(stream, until)
        return [call for call, _, _ in woken if call.is_overdue]

    def fail(self, error: Exception, calls: Sequence[Call]) -> None:
        """The append came to nothing that we know of: so do `calls` and those woken."""
        concerned = {*calls, *self.calls, *self._to_do}
        for call in concerned:
            self._parking.discard(call)
        self.outcomes = [(call, error) for call in concerned]

    def _settle(self, call: Call) -> None:
        try:
            self._try(call)
        except Exception as refusal:  # noqa: BLE001 - its own caller's, nobody else's
            self.outcomes.append((call, refusal))

    def _try(self, call: Call) -> None:
        heads: dict[str, Head] = {}
        news: list[tuple[Step, Event, Head]] = []
        for step in call.steps:
            head = heads.get(step.stream) or self._head(step.stream)
            decision = step.decider.decide(step.command, head.state, self.at)
            if isinstance(decision, Wait):
                self._wait(call, step, decision.key, head.state)
                return
            for event in decision:
                head = head.followed_by(event, step.decider)
                news.append((step, event, head))
            heads[step.stream] = head
        for step, event, head in news:
            origin = origin_of(step.command.by, self.at, call.cause)
            self._record(step.stream, step.decider, event, origin, head)
        outcome = Outcome(
            events=[event for _, event, _ in news],
            states=[heads[step.stream].state for step in call.steps],
            at=self.at,
            position=self.position if news else 0,
            time_passed=sum(self._passed.pop(step.stream, 0) for step in call.steps),
        )
        self.outcomes.append((call, outcome))

    def _wait(self, call: Call, step: Step, key: str, state: Any) -> None:
        if call.may_wait and not call.is_overdue:
            call.state = state
            self._parking.park(call, step.stream, step.decider, key)
        else:
            self.outcomes.append((call, StillWaiting(state, self.at)))

    def _not_seen(self, steps: Sequence[Step]) -> Deciders:
        """The streams which nobody has asked for yet, and which have a past."""
        new: Deciders = {}
        for step in steps:
            if step.stream in self.deciders:
                continue
            self.deciders[step.stream] = step.decider
            if step.fresh:
                self.fresh.add(step.stream)
                self.heads[step.stream] = Head(0, step.decider.initial)
            else:
                new[step.stream] = step.decider
        return new

    def _let_time_pass(self, deciders: Deciders) -> None:
        for stream, decider in deciders.items():
            head = self._head(stream)
            for event in decider.lapse(head.state, self.at):
                head = head.followed_by(event, decider)
                self._record(stream, decider, event, origin_of(TIME, self.at), head)
                self._passed[stream] = self._passed.get(stream, 0) + 1

    def _head(self, stream: str) -> Head:
        return self.heads.get(stream) or self._known[stream]

    def _record(
        self,
        stream: str,
        decider: Decider[Any, Any, Any],
        event: Event,
        origin: Origin,
        head: Head,
    ) -> None:
        """`event` has happened, and `head` is what its stream has come to."""
        position = self.position + 1
        self.before.append(self._head(stream).state)
        self.heads[stream] = head
        self.records.append(
            Recorded(stream, head.version, position, event_id(self.at), event, origin)
        )
        if self._wake(stream, decider, event, position) is False:
            self.unheard.add(stream)

    def _wake(
        self, stream: str, decider: Decider[Any, Any, Any], event: Event, position: int
    ) -> bool | None:
        """Whether anyone waited for `event` here; None if nobody ever waits for it."""
        key = decider.wakes(event)
        if key is None:
            return None
        woken = self._parking.take(stream, key)
        for call in woken:
            call.cause = position
            self._to_do.append(call)
            self._woken.append((call, stream, key))
        return bool(woken)
