"""When time has something to say next, however many streams are waited for."""

from __future__ import annotations

from asyncio import Future, new_event_loop
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environment.environment import environment
from projections.storage.parking import OUTDATED_MAX, Call, Parking
from tests.support.builders import NOON

MANY = 1_000
STREAMS = ["a", "b", "c"]
DOINGS = st.lists(
    st.tuples(
        st.sampled_from(["comes", "goes", "look"]),
        st.sampled_from(STREAMS),
        st.none() | st.integers(0, 4),
    ),
    max_size=3 * OUTDATED_MAX,
)


class Counted(datetime):
    """An instant. It counts how often any of them is compared."""

    compared = 0

    def __lt__(self, other: Any) -> bool:
        Counted.compared += 1
        return super().__lt__(other)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)

    __hash__ = datetime.__hash__


def at(seconds: int) -> datetime:
    return Counted.fromtimestamp(NOON.timestamp() + seconds, UTC)


@pytest.fixture(scope="module")
def answer() -> Iterator[Future[Any]]:
    with closing(new_event_loop()) as loop:
        yield loop.create_future()


def park(parking: Parking, stream: str, answer: Future[Any]) -> Call:
    call = Call((), answer, may_wait=True)
    parking.park(call, stream, environment, "key")
    return call


@given(doings=DOINGS)
def test_the_next_moment_is_the_first_of_those_where_somebody_waits(
    answer: Future[Any], doings: list[tuple[str, str, int | None]]
) -> None:
    parking = Parking()
    moments: dict[str, datetime | None] = {}
    for doing, stream, seconds in doings:
        if doing == "comes":
            park(parking, stream, answer)
            moments.setdefault(stream, None)
        elif doing == "goes":
            parking.take(stream, "key")
            moments.pop(stream, None)
        else:
            until = None if seconds is None else at(seconds)
            parking.look_again(stream, until)
            moments |= {stream: until} if stream in moments else {}
        first = min((m for m in moments.values() if m), default=None)
        assert parking.next_due() == first


def test_to_know_it_after_an_append_no_other_stream_is_looked_at(
    answer: Future[Any],
) -> None:
    parking = Parking()
    for number in range(MANY):
        park(parking, f"{number}", answer)
        parking.look_again(f"{number}", at(number))
    Counted.compared = 0
    parking.look_again("0", at(MANY))
    assert parking.next_due() == at(1)
    assert Counted.compared < MANY / 10


def test_of_moments_that_are_outdated_few_are_kept(answer: Future[Any]) -> None:
    parking = Parking()
    park(parking, "late", answer)
    for seconds in range(MANY):
        parking.look_again("late", at(2 * MANY - seconds))
        assert len(parking._dues) <= 2 + OUTDATED_MAX
