"""A Berth in memory with a clock of its own: a week of it passes in seconds.

The journal's own `Batch` decides, so what it leaves is what Berth itself would have on
record: who waits is woken in the append that woke him, time has its say first, and
timers come a little late. The same seed makes the same history, to the byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

from msgspec.structs import replace

from domain.decider import Decider, Look, Outcome, Step
from domain.errors import DomainError
from domain.event import system
from domain.record import Recorded
from projections.storage.batch import Batch, Deciders, Head
from projections.storage.parking import Call, Parking

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LATE_SECONDS_MAX = 0.3
# Of a UUID: what says that RFC 9562 says what it is, and all below.
VARIANT = 0b10 << 62
LOW_BITS = (1 << 62) - 1
TIMER = system("timer")


class Waiting(NamedTuple):
    """`step`, which may have to wait for so many seconds."""

    step: Step
    seconds: float


# What goes on beside other things: it yields how many seconds pass until it goes on, or
# what it waits for, and is sent the outcome; None if it was refused, or not in time.
Process = Generator[float | Waiting, Outcome | None, None]


class Simulation:
    """Use it in a `with` block. `records` is the history so far."""

    def __init__(self, seed: int, begin: datetime) -> None:
        self.chance = Random(seed)
        self.at = begin
        self.records: list[Recorded] = []
        self._heads: dict[str, Head] = {}
        self._deciders: Deciders = {}
        self._parking = Parking()
        self._due: dict[str, datetime] = {}
        self._waiting: dict[Call, Process] = {}
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number = count()
        self._loop = asyncio.new_event_loop()  # Futures want one; it never runs.

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.close()

    @property
    def decider_of(self) -> Deciders:
        """Of each stream there is."""
        return self._deciders

    def new_id(self) -> str:
        """A UUIDv4."""
        bits = self.chance.getrandbits(122)
        return uuid_of(
            bits >> 74 << 80
            | 0x4 << 76
            | (bits >> 62 & 0xFFF) << 64
            | VARIANT
            | bits & LOW_BITS
        )

    def seconds(self, low: float, high: float) -> float:
        return self.chance.uniform(low, high)

    def is_so(self, chance: float) -> bool:
        """With a probability of `chance`."""
        return self.chance.random() < chance

    def execute(self, *steps: Step) -> Outcome:
        """Decide now; a refusal is raised."""
        call = self._call(*steps)
        self._append([call])
        return call.answer.result()

    def attempt(self, *steps: Step) -> Outcome | None:
        """Decide now; None if it was refused."""
        try:
            return self.execute(*steps)
        except DomainError:
            return None

    def state_of(self, decider: Decider[Any, Any, Any], stream: str) -> Any:
        """As it is by now, whether or not an event says so."""
        head = self._heads.get(stream)
        state = decider.initial if head is None else head.state
        return decider.fold(decider.lapse(state, self.at), state)

    def begin(self, process: Process, *, after_seconds: float = 0) -> None:
        self.later(after_seconds, partial(self._go_on, process, None))

    def run(self, until: datetime) -> None:
        """Whatever is to come to pass before then."""
        while self._agenda and self._agenda[0][0] < until:
            at, _, action = heappop(self._agenda)
            self.at = max(self.at, at)
            action()
        self.at = until

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have `action` done after so many seconds."""
        at = self.at + timedelta(seconds=seconds)
        heappush(self._agenda, (at, next(self._number), action))

    def _go_on(self, process: Process, answer: Outcome | None) -> None:
        try:
            turn = process.send(answer)
        except StopIteration:
            return
        if isinstance(turn, Waiting):
            self._ask(process, turn)
        else:
            self.later(turn, partial(self._go_on, process, None))

    def _ask(self, process: Process, asked: Waiting) -> None:
        call = self._call(asked.step, may_wait=True)
        self._waiting[call] = process
        self._append([call])
        if call in self._waiting:
            self.later(asked.seconds, partial(self._give_up, call))

    def _give_up(self, call: Call) -> None:
        process = self._waiting.pop(call, None)
        if process is not None:
            self._parking.discard(call)
            self._go_on(process, None)

    def _call(self, *steps: Step, may_wait: bool = False) -> Call:
        return Call(steps, self._loop.create_future(), may_wait=may_wait)

    def _append(self, calls: list[Call]) -> None:
        batch = Batch(self._heads, self._parking)
        deciders = {s.stream: s.decider for c in calls for s in c.steps}
        self._make_known(deciders)
        batch.open(self.at, len(self.records), deciders)
        for more in batch.decide(calls):
            self._make_known(more)
        self._deciders.update(batch.deciders)
        self._heads.update(batch.heads)
        batch.look_ahead()
        self.records += map(self._named, batch.records)
        for call, outcome in batch.outcomes:
            self._settle(call, outcome)
        for stream in batch.heads:
            self._wind_up(stream)

    def _make_known(self, deciders: Deciders) -> None:
        for stream, decider in deciders.items():
            self._heads.setdefault(stream, Head(0, decider.initial))

    def _settle(self, call: Call, outcome: Outcome | Exception) -> None:
        process = self._waiting.pop(call, None)
        if process is None:
            call.settle(outcome)
            return
        answer = outcome if isinstance(outcome, Outcome) else None
        self.later(0, partial(self._go_on, process, answer))

    def _wind_up(self, stream: str) -> None:
        """Have a timer look at it when time will have something to say."""
        due = self._deciders[stream].due(self._heads[stream].state)
        if due is None or due == self._due.get(stream):
            return
        self._due[stream] = due
        late = self.seconds(0, LATE_SECONDS_MAX)
        wait = (due - self.at).total_seconds() + late
        self.later(wait, partial(self._nudge, stream, due))

    def _nudge(self, stream: str, due: datetime) -> None:
        if self._due.get(stream) == due:
            del self._due[stream]
            self.execute(Step(self._deciders[stream], stream, Look(by=TIMER)))

    def _named(self, record: Recorded) -> Recorded:
        """With an id like Berth's, a UUIDv7, but from the seed."""
        milliseconds = (record.origin.at - EPOCH) // MILLISECOND
        rest = self.chance.getrandbits(74)
        dated = milliseconds << 80 | 0x7 << 76 | (rest >> 62) << 64
        return replace(record, id=uuid_of(dated | VARIANT | rest & LOW_BITS))


def uuid_of(number: int) -> str:
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
