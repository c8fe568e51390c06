"""The urgent are asked first more often, and nobody never."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

from domain.task.events import Priority
from workers.tasks.turns import WEIGHTS, turns

ROUND = sum(WEIGHTS.values())


def test_each_is_asked_first_as_often_as_it_weighs() -> None:
    firsts = Counter(order[0] for order in islice(turns(), 4 * ROUND))
    assert firsts == {priority: 4 * weight for priority, weight in WEIGHTS.items()}


def test_low_never_waits_for_longer_than_a_round() -> None:
    firsts = [order[0] for order in islice(turns(), 10 * ROUND)]
    lows = [turn for turn, first in enumerate(firsts) if first is Priority.LOW]
    assert {later - sooner for sooner, later in pairwise(lows)} == {ROUND}


def test_every_turn_asks_all_of_them_the_most_urgent_first_but_one() -> None:
    for first, *others in islice(turns(), ROUND):
        assert {first, *others} == set(Priority)
        assert others == [priority for priority in WEIGHTS if priority is not first]


def test_the_same_turns_come_every_time() -> None:
    assert list(islice(turns(), 50)) == list(islice(turns(), 50))
