"""fetchReviewEnvironment: have an environment of the pool assigned to the issue."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from domain.errors import PoolBusy
from workers.review.context import Context, ask
from workers.review.data import FetchData

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
PAUSE_FACTOR = 1.5
# Each time is an event for ever.
TELL_EVERY_SECONDS = 30.0


def fetch(context: Context, data: FetchData) -> Any:
    """The issue's environment; `PoolBusy` if `wait` is over before one is free."""
    answer = ask(context, "review.assign", data)
    if answer["assigned"] is None and data.wait:
        with context.waiting():
            answer = _wait(context, data, answer["why"])
    if answer["assigned"] is None:
        raise PoolBusy(f"{answer['why']}, after {data.wait} s")
    return answer["assigned"]


def _wait(context: Context, data: FetchData, why: str) -> Any:
    """The last answer."""
    start, told_at = monotonic(), -TELL_EVERY_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        waited = monotonic() - start
        if waited - told_at >= TELL_EVERY_SECONDS:
            told_at = waited
            context.progress(100 * waited / data.wait, f"waiting: {why}")
        sleep(min(pause, max(0, data.wait - waited)))
        pause = min(pause * PAUSE_FACTOR, LONGEST_PAUSE_SECONDS)
        answer = ask(context, "review.assign", data)
        is_over = waited >= data.wait or context.is_cancelled
        if answer["assigned"] is not None or is_over:
            return answer
        why = answer["why"]
