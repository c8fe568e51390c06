"""What time alone does: leases pass, claims pass, patience ends, and never early."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.environment.environment import due, environment, lapse, wakes
from domain.environment.events import EnvironmentEvent, LockGranted
from tests.support.builders import (
    acquire,
    acquired,
    at,
    called,
    expired,
    granted,
    lapsed,
    nudge,
    registered,
    released,
    renewed,
    request,
    requested,
    unclaimed,
    withdrawn,
)
from tests.support.spec import Spec

given = Spec(environment, [registered()]).given
GRANTED: list[EnvironmentEvent] = [requested("a"), granted("a", 1, until=600)]
HELD = [*GRANTED, acquired("a", 1, until=610)]
BUSY = [*HELD, requested("b"), requested("c")]
CALLED = [*BUSY, released("a", 1), called("b", 2, until=90)]


def test_a_lease_passes_at_its_very_end_and_not_before() -> None:
    given(*HELD).when(nudge(), at(609.999999)).then()
    given(*HELD).when(nudge(), at(610)).then(expired("a", 1))


def test_an_expired_lease_passes_on_to_the_head_of_the_queue() -> None:
    given(*BUSY).when(nudge(), at(610)).then(expired("a", 1), called("b", 2, until=700))


def test_a_grant_at_the_request_is_provisional_for_the_length_of_its_lease() -> None:
    given(*GRANTED).when(nudge(), at(599)).then()
    given(*GRANTED).when(nudge(), at(600)).then(expired("a", 1))


def test_a_dead_head_of_the_queue_costs_its_claim_window_not_a_lease() -> None:
    given(*CALLED).when(nudge(), at(89)).then()
    given(*CALLED).when(nudge(), at(90)).then(
        unclaimed("b", 2), called("c", 3, until=180)
    )


def test_a_claimed_lock_no_longer_has_a_claim_window() -> None:
    past = given(*CALLED, acquired("b", 2, until=650))
    past.when(nudge(), at(649)).then()
    past.when(nudge(), at(650)).then(expired("b", 2), called("c", 3, until=740))


def test_a_late_timer_never_shows() -> None:
    given(*BUSY).when(request("d"), at(5_000)).then(
        expired("a", 1), called("b", 2, until=5_090), requested("d", 5_000)
    )


def test_the_successor_of_a_late_timer_has_its_whole_claim_window() -> None:
    late = [*BUSY, expired("a", 1), called("b", 2, until=5_090)]
    given(*late).when(acquire("b"), at(5_089)).then(acquired("b", 2, until=5_689))


def test_who_waited_when_a_lease_ended_is_next_however_late_that_is_seen() -> None:
    """Nobody further back has a turn because of it."""
    past = [*HELD, requested("b", patience=611), requested("c")]
    in_time = [expired("a", 1), called("b", 2, until=700)]
    given(*past).when(nudge(), at(610)).then(*in_time)
    for late in 611, 5_000:
        given(*past).when(nudge(), at(late)).then(
            expired("a", 1), called("b", 2, until=late + 90)
        )


def test_who_gave_up_by_the_end_of_a_lease_is_passed_over_who_did_so_since_is_not() -> (
    None
):
    asked = [requested(ticket, patience=610) for ticket in "bc"]
    behind = [requested("d", patience=611), requested("e", patience=612)]
    given(*HELD, *asked, *behind, requested("f")).when(nudge(), at(612)).then(
        lapsed("b"),
        lapsed("c"),
        expired("a", 1),
        called("d", 2, until=702),
        lapsed("e"),
    )


def test_who_waited_when_a_claim_window_ended_is_next_too() -> None:
    past = [*HELD, requested("b"), requested("c", patience=91), requested("d")]
    given(*past, released("a", 1), called("b", 2, until=90)).when(
        nudge(), at(100)
    ).then(unclaimed("b", 2), called("c", 3, until=190))


@for_all(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.integers(1, 40),
    st.integers(0, 120),
)
def test_whose_turn_it_is_does_not_depend_on_how_late_the_timer_is(
    patience: list[int], once: int, later: int
) -> None:
    """Whose it is after that may: a claim window begins when the turn is seen."""
    waiting = [requested(f"t{n}", patience=most) for n, most in enumerate(patience)]
    state = given(requested("a"), granted("a", 1, until=10), *waiting).state
    in_time = lapse(state, at(once))
    since = lapse(environment.fold(in_time, state), at(once + later))
    late = lapse(state, at(once + later))
    assert turns([*in_time, *since])[:1] == turns(late)


def turns(events: Sequence[EnvironmentEvent]) -> Sequence[str]:
    return [event.ticket_id for event in events if isinstance(event, LockGranted)]


def test_a_queued_ticket_lapses_when_its_patience_ends() -> None:
    past = given(*HELD, requested("b", patience=30))
    past.when(nudge(), at(29)).then()
    past.when(nudge(), at(30)).then(lapsed("b"))


def test_a_ticket_that_lapses_is_passed_over() -> None:
    past = given(*HELD, requested("b", patience=30), requested("c"))
    past.when(nudge(), at(610)).then(
        lapsed("b"), expired("a", 1), called("c", 2, until=700)
    )


def test_a_ticket_has_no_patience_to_lose_once_it_was_granted() -> None:
    past = [*HELD, requested("b", patience=30), released("a", 1)]
    past = [*past, called("b", 2, until=100), acquired("b", 2, until=700)]
    given(*past).when(nudge(), at(50)).then()


def test_the_instant_of_the_next_change_is_known() -> None:
    def next_change(*past: EnvironmentEvent) -> object:
        return due(given(*past).state)

    assert next_change() is None
    assert next_change(*GRANTED) == at(600)
    assert next_change(*HELD) == at(610)
    assert next_change(*HELD, renewed("a", 1, until=900)) == at(900)
    assert next_change(*HELD, requested("b", patience=30)) == at(30)
    assert next_change(*CALLED) == at(90)
    assert next_change(*HELD, released("a", 1)) is None


def test_time_alone_does_nothing_to_a_free_lock() -> None:
    assert lapse(given().state, at(1_000_000)) == []


def test_who_waits_hears_of_a_grant_and_of_every_end_of_the_waiting() -> None:
    assert wakes(called("b", 2, until=90)) == "b"
    assert wakes(withdrawn("b")) == "b"
    assert wakes(lapsed("b")) == "b"
    assert wakes(expired("b", 2)) == "b"


def test_nobody_is_woken_for_what_changes_nothing_for_them() -> None:
    idle: list[EnvironmentEvent] = [
        requested("b"),
        acquired("b", 2, until=9),
        renewed("b", 2, until=9),
    ]
    assert [wakes(event) for event in idle] == [None, None, None]
    assert wakes(registered()) is None
