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


def fetch(context: Context, data: FetchData) -> Any:
    """The issue's environment; `PoolBusy` if `wait` is over before one is free."""
    start = monotonic()
    pause = FIRST_PAUSE_SECONDS
    while True:
        answer = ask(context, "review.assign", data)
        if answer["assigned"] is not None:
            return answer["assigned"]
        waited = monotonic() - start
        left = data.wait - waited
        if left <= 0 or context.is_cancelled:
            raise PoolBusy(f"{answer['why']}, after {data.wait} s")
        context.progress(100 * waited / data.wait, f"waiting: {answer['why']}")
        sleep(min(pause, left))
        pause = min(pause * PAUSE_FACTOR, LONGEST_PAUSE_SECONDS)
