"""Where a ticket stands, and how long its turn may take."""

from __future__ import annotations

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent
from domain.environment.queue import LockQueue
from domain.environment.standing import seconds_left, standing, standings
from tests.support.builders import acquired, at, granted, registered, requested

HELD: list[EnvironmentEvent] = [
    requested("a"),
    granted("a", 1, until=600),
    acquired("a", 1, until=600),
]


def queue_of(*events: EnvironmentEvent) -> LockQueue:
    state = environment.fold([registered(), *events])
    return state.queue


def test_the_first_in_the_queue_waits_for_the_rest_of_the_lease() -> None:
    first = standing(queue_of(*HELD, requested("b")), "b", at(100))
    assert first is not None
    assert (first.position, first.wait_seconds) == (1, 500)


def test_the_others_wait_for_the_leases_ahead_of_them_too() -> None:
    queue = queue_of(
        *HELD, requested("b", lease=60), requested("c", lease=5), requested("d")
    )
    assert [
        (s.ticket.id, s.position, s.wait_seconds) for s in standings(queue, at(0))
    ] == [
        ("b", 1, 600),
        ("c", 2, 660),
        ("d", 3, 665),
    ]


def test_a_part_of_a_second_counts_as_one() -> None:
    [first] = standings(queue_of(*HELD, requested("b")), at(599.5))
    assert first.wait_seconds == 1


def test_no_wait_is_ever_negative() -> None:
    [first] = standings(queue_of(*HELD, requested("b")), at(700))
    assert first.wait_seconds == 0


def test_the_holder_has_no_place_in_the_queue() -> None:
    assert standing(queue_of(*HELD), "a", at(0)) is None
    assert standing(queue_of(), "a", at(0)) is None


def test_a_ticket_without_a_grant_has_no_seconds_left() -> None:
    [ticket] = queue_of(*HELD, requested("b")).queued
    assert seconds_left(ticket, at(0)) == 0


@for_all(st.lists(st.integers(1, 5_000), max_size=12), st.floats(0, 600))
def test_who_asked_later_never_waits_less(leases: list[int], now: float) -> None:
    asked = [requested(str(n), lease=lease) for n, lease in enumerate(leases)]
    found = list(standings(queue_of(*HELD, *asked), at(now)))
    waits = [s.wait_seconds for s in found]
    assert waits == sorted(waits)
    assert [s.position for s in found] == list(range(1, len(leases) + 1))
