"""Whom to ask first: the urgent more often, and nobody never.

Of 15 times, critical is asked first 8, high 4, normal 2 and low 1. They take turns as
evenly as that allows, and not by chance: so however much that is urgent comes in, low
has every fifteenth start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domain.task.events import Priority

WEIGHTS: Mapping[Priority, int] = {
    Priority.CRITICAL: 8,
    Priority.HIGH: 4,
    Priority.NORMAL: 2,
    Priority.LOW: 1,
}
URGENT_FIRST = tuple(WEIGHTS)


def turns() -> Iterator[Sequence[Priority]]:
    """For ever: who is asked first, and then the others, the most urgent first."""
    total = sum(WEIGHTS.values())
    credit = dict.fromkeys(WEIGHTS, 0)
    while True:
        for priority, weight in WEIGHTS.items():
            credit[priority] += weight
        first = max(WEIGHTS, key=lambda priority: credit[priority])
        credit[first] -= total
        yield (first, *(priority for priority in WEIGHTS if priority is not first))
