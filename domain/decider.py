"""A decider is three pure functions; a step asks one of them about one stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from domain.event import Command, Event

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
S = TypeVar("S")


class Wait(Struct, frozen=True):
    """The answer "not yet". The caller waits beside the stream until woken by `key`."""

    key: str


def nothing_lapses(_: Any, __: datetime) -> Sequence[Any]:
    return ()


def never_due(_: Any) -> datetime | None:
    return None


def wakes_nobody(_: Event) -> str | None:
    return None


@dataclass(frozen=True, eq=False)
class Decider(Generic[C, E, S]):
    """`decide` says what a command leads to; `evolve`, what that changes.

    `lapse` says what time alone has done; it is applied before each decision, so a
    late timer never shows; `due` says when it will next have something to say. `wakes`
    names the `Wait.key` that an event concerns. Raise `revision` whenever `evolve`
    comes to mean something else: snapshots are dropped.
    """

    initial: S
    decide: Callable[[C, S, datetime], Sequence[E] | Wait]
    evolve: Callable[[S, E], S]
    lapse: Callable[[S, datetime], Sequence[E]] = nothing_lapses
    due: Callable[[S], datetime | None] = never_due
    wakes: Callable[[E], str | None] = wakes_nobody
    revision: int = 1

    def fold(self, events: Sequence[E], onto: S | None = None) -> S:
        return reduce(self.evolve, events, self.initial if onto is None else onto)


class Step(Struct, frozen=True):
    """One command to one stream. Steps executed together commit together.

    `fresh` says that the stream's name was made up just now: there is no past to read.
    """

    decider: Decider[Any, Any, Any]
    stream: str
    command: Command
    fresh: bool = False


class Outcome(Struct, frozen=True):
    """What steps led to: the events, and the state of each step's stream afterwards.

    `at` is the journal's instant of the decision; `position`, that of the last event
    appended, 0 when there was nothing to append; `time_passed`, how many events time
    alone had caused meanwhile, which went before.
    """

    events: Sequence[Event]
    states: Sequence[Any]
    at: datetime
    position: int = 0
    time_passed: int = 0


class StillWaiting(Exception):
    """The time to wait is over and the answer is still "not yet"; nothing changed."""

    def __init__(self, state: Any, at: datetime) -> None:
        super().__init__("still waiting")
        self.state = state
        self.at = at


class Journal(Protocol):
    """The append-only log as the rules need it."""

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        """Decide `steps` in order and append what follows, all of it or nothing.

        A step that answers `Wait` is decided again when an event or the time may have
        changed that, for `wait_seconds` at most; then `StillWaiting` is raised. A
        refusal (`DomainError`) is final. `JournalUnavailable` leaves the outcome open.
        """
        ...

    def now(self) -> datetime:
        """The journal's time: never before an event it holds."""
        ...
