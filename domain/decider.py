"""A decider is three pure functions; a step asks one of them about one stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from domain.errors import Forbidden, Unauthenticated
from domain.event import Actor, Command, Event
from domain.naming import fold

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
S = TypeVar("S")


class Look(Command, frozen=True, kw_only=True):
    """Changes nothing, whatever the stream; tells the state it has come to."""


class Reach(Enum):
    """Whose something is that is of no one repository."""

    EVERYBODY = "changes and discloses nothing"
    INSTALLATION = "concerns every repository"


class Wait(Struct, frozen=True):
    """The answer "not yet". The caller waits beside the stream until woken by `key`."""

    key: str


def nothing_lapses(_: Any, __: datetime) -> Sequence[Any]:
    return ()


def never_due(_: Any) -> datetime | None:
    return None


def the_installation(_: Any, __: Any) -> Reach:
    return Reach.INSTALLATION


def wakes_nobody(_: Event) -> str | None:
    return None


@dataclass(frozen=True, eq=False)
class Decider(Generic[C, E, S]):
    """`decide` says what a command leads to; `evolve`, what that changes.

    `lapse` says what time alone has done; it is applied before each decision, so a
    late timer never shows; `due` says when it will next have something to say. `wakes`
    names the `Wait.key` that an event concerns. Raise `revision` whenever `evolve`
    comes to mean something else: snapshots are dropped.

    `belongs_to` names the repository that a command concerns. Actors who are limited to
    some repositories get no further, and nowhere at all where nothing is said.
    """

    initial: S
    decide: Callable[[C, S, datetime], Sequence[E] | Wait]
    evolve: Callable[[S, E], S]
    lapse: Callable[[S, datetime], Sequence[E]] = nothing_lapses
    due: Callable[[S], datetime | None] = never_due
    wakes: Callable[[E], str | None] = wakes_nobody
    belongs_to: Callable[[C, S], str | Reach] = the_installation
    revision: int = 1

    def __post_init__(self) -> None:
        rules, belongs_to = self.decide, self.belongs_to

        def decide(command: C, state: S, at: datetime) -> Sequence[E] | Wait:
            if isinstance(command, Look):
                return ()
            by = command.by
            if by.good_until is not None and at >= by.good_until:
                raise Unauthenticated("this token has expired")
            if by.repositories is not None:
                check_reach(by, belongs_to(command, state))
            return rules(command, state, at)

        # Here, where every decision passes, and not in each rule, which might forget.
        object.__setattr__(self, "decide", decide)

    def fold(self, events: Sequence[E], onto: S | None = None) -> S:
        return reduce(self.evolve, events, self.initial if onto is None else onto)


def check_reach(by: Actor, whose: str | Reach) -> None:
    """`Forbidden` unless `by` may act on what is `whose`."""
    if by.repositories is None or whose is Reach.EVERYBODY:
        return
    if isinstance(whose, Reach):
        raise Forbidden("this token is limited to some repositories; this is for all")
    if fold(whose) not in by.repositories:
        raise Forbidden(f"this token is not good for the repository {whose}")


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
