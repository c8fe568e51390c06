"""What is checked, and what was found against it."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum

from msgspec.json import encode


class Check(StrEnum):
    POSITIONS = "positions follow one another from 1"
    VERSIONS = "versions follow one another in each stream"
    INSTANTS = "instants never go back"
    FENCES = "fences rise by one with each grant"
    ONE_HOLDER = "never two holders"
    FIFO = "first come, first served"
    HAND_OVER = "a free lock goes to whoever waits, at once"
    EARLY = "no lease ends before its time"
    OVER = "nothing is decided on a lease that is over"
    LATE = "no lease ends too late"
    TURN = "nobody who waits misses the turn"
    STALL = "a frozen process stalls nobody for too long"
    ACKNOWLEDGED = "what was acknowledged is in the journal"
    ANSWERS = "no answer that should not be"
    ALIVE = "no process ends but as it was told to"
    LISTING = "the listing is what the journal folds to"


class Findings:
    """Violations, by what they violate. None is a good sign."""

    def __init__(self) -> None:
        self.by_check: defaultdict[StrEnum, list[str]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self.by_check.values()))

    def add(self, check: StrEnum, *what: object) -> None:
        told = (w if isinstance(w, str) else encode(w).decode() for w in what)
        self.by_check[check].append(" ".join(told))
