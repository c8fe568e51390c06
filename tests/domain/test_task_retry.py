"""How long a task rests before it is tried again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.task.events import Backoff, BackoffType
from domain.task.retry import backoff_delay

DAY_MS = 86_400_000
backoffs = st.builds(
    Backoff,
    st.sampled_from(BackoffType),
    st.integers(0, DAY_MS),
    st.floats(0, 1),
    st.integers(0, DAY_MS),
)


def seconds(backoff: Backoff, failures: int) -> float:
    return backoff_delay(backoff, failures, "l").total_seconds()


def test_a_fixed_rest_is_always_as_long() -> None:
    fixed = Backoff(BackoffType.FIXED, 1_500)
    assert [seconds(fixed, n) for n in (1, 2, 9)] == [1.5, 1.5, 1.5]


def test_an_exponential_rest_doubles_up_to_its_longest() -> None:
    doubling = Backoff(BackoffType.EXPONENTIAL, 1_000, max_delay_ms=5_000)
    assert [seconds(doubling, n) for n in (1, 2, 3, 4, 99)] == [1, 2, 4, 5, 5]


def test_not_all_come_back_at_once() -> None:
    jittery = Backoff(BackoffType.FIXED, 60_000, jitter=0.5)
    rests = {backoff_delay(jittery, 1, f"l{n}") for n in range(100)}
    assert len(rests) > 90
    assert min(rests) >= timedelta(seconds=30)
    assert max(rests) <= timedelta(seconds=60)


@for_all(backoffs, st.integers(1, 10_000), st.text())
def test_a_rest_is_the_same_each_time_and_within_bounds(
    backoff: Backoff, failures: int, salt: str
) -> None:
    rest = backoff_delay(backoff, failures, salt)
    assert rest == backoff_delay(backoff, failures, salt)
    assert timedelta(0) <= rest <= timedelta(milliseconds=backoff.max_delay_ms)
