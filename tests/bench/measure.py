"""How a figure comes about: by turns with its limit, the median of the turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def by_turns(rounds: int, *measures: Callable[[], Any]) -> list[list[Any]]:
    """What each measure found, A B A B ...: all of them meet the same weather."""
    found: list[list[Any]] = [[] for _ in measures]
    for _ in range(rounds):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
