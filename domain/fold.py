"""What the records of a stream come to, for those who look at the past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.decider import Decider
from domain.errors import JournalUnavailable
from domain.record import Recorded

S = TypeVar("S")


class PastNotFolded(JournalUnavailable):
    """It takes more events than one request folds. Ask again: it goes on from there."""

    code = "PAST_NOT_FOLDED"


@dataclass(frozen=True, eq=False)
class Fold(Generic[S]):
    """`follow` is the state after one more record; `initial`, before the first.

    Unlike a decider's `evolve` it may look at an event's origin. Change `revision`
    whenever it comes to mean something else: what was kept of the past is dropped.
    """

    initial: S
    follow: Callable[[S, Recorded], S]
    revision: str


def fold_of(decider: Decider[Any, Any, S]) -> Fold[S]:
    """The state that the rules know."""
    return Fold(
        initial=decider.initial,
        follow=lambda state, record: decider.evolve(state, record.event),
        revision=f"{decider.revision}",
    )
