"""Where a ticket stands, and how long its turn may take."""

from __future__ import annotations

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.environment.environment import environment
from domain.environment.events import EnvironmentEvent
from domain.environment.queue import LockQueue
from domain.environment.standing import seconds_left, standing, standings
from tests.support.builders import acquired, at, granted, registered, renewed, requested

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


def test_without_past_holds_nobody_can_tell_how_long_they_take() -> None:
    [first] = standings(queue_of(*HELD, requested("b")), at(0))
    assert (first.p50_seconds, first.p90_seconds) == (None, None)


def test_a_wait_goes_by_how_long_past_holds_took() -> None:
    queue = queue_of(*HELD, requested("b"), requested("c"), requested("d"))
    past = [60.0] * 9 + [260.0]
    first, second, third = standings(queue, at(0), past)
    assert (first.p50_seconds, first.p90_seconds) == (60, 80)
    assert (second.p50_seconds, third.p50_seconds) == (120, 180)
    # Not both of them take long: 20 s more each would be 160.
    assert second.p90_seconds == 149


def test_who_has_held_for_longer_than_most_will_hold_for_as_long_as_the_others() -> (
    None
):
    queue = queue_of(*HELD, requested("b"))
    [first] = standings(queue, at(100), [10.0, 20.0, 30.0, 160.0])
    assert (first.p50_seconds, first.p90_seconds) == (60, 60)
    [first] = standings(queue, at(200), [10.0, 20.0, 30.0, 160.0])
    assert (first.p50_seconds, first.p90_seconds) == (0, 0)


def test_who_has_renewed_has_held_since_the_lease_began_all_the_same() -> None:
    past = [10.0, 20.0, 30.0, 160.0]
    for until in 700, 5_000:
        queue = queue_of(*HELD, renewed("a", 1, until=until), requested("b"))
        [first] = standings(queue, at(100), past)
        assert (first.p50_seconds, first.p90_seconds) == (60, 60)


def test_who_was_granted_the_lock_and_is_to_come_has_held_it_since_then() -> None:
    queue = queue_of(*HELD[:2], requested("b"))
    [first] = standings(queue, at(100), [10.0, 160.0])
    assert (first.p50_seconds, first.p90_seconds) == (60, 60)


@for_all(
    st.lists(st.floats(0, 5_000), min_size=1, max_size=20),
    st.integers(1, 6),
    st.floats(0, 700),
)
def test_no_estimate_is_beyond_all_leases_and_nine_of_ten_beyond_one_of_two(
    past: list[float], waiting: int, now: float
) -> None:
    asked = [requested(str(n)) for n in range(waiting)]
    for place in standings(queue_of(*HELD, *asked), at(now), sorted(past)):
        assert place.p50_seconds is not None
        assert place.p90_seconds is not None
        assert 0 <= place.p50_seconds <= place.p90_seconds <= place.wait_seconds
