"""The past: an environment, and all of them, as they were at instants at random."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import quantiles
from time import monotonic

from domain.clock import utc_now
from domain.instant import told
from tests.bench.bench import Bench
from tests.bench.client import Client
from tests.bench.grown import EVENTS, EVENTS_IN_ONE
from tests.bench.table import Row

A_SECOND = timedelta(seconds=1)
P99_MS_MAX = 50
LOOKS = 300
LISTS = 10
RETRIES_MAX = 100


def rows(bench: Bench) -> Iterator[Row]:
    with bench.grown_site() as site:
        client, one = site.berth.client(), f"/environments/{site.environments[0]}"
        live = timed(client, [one] * LOOKS)
        history = client.call("GET", f"{one}/history?limit=1000&types=lock.requested")
        times = [event["time"] for event in history["events"]]
        instants = between(times[0], told(utc_now() - A_SECOND), LOOKS)
        first_ms = 1_000 * made_ready(client, f"{one}?at={max(instants)}")
        ms = timed(client, [f"{one}?at={at}" for at in instants])
        yield Row(
            what=f"?at= of an environment with {EVENTS_IN_ONE:,} events",
            limit=f"as it is now, p50 {percentile(live, 50):.1f} ms",
            reached=f"p99 {percentile(ms, 99):.1f} ms",
            floor=f"p99 <= {P99_MS_MAX} ms",
            verdict=percentile(ms, 99) <= P99_MS_MAX,
            p50_ms=percentile(ms, 50),
            p99_ms=percentile(ms, 99),
            notes=[f"before any snapshot was made: {first_ms:.0f} ms"],
        )
        live = timed(client, ["/environments"] * LISTS)
        some = [f"/environments?at={at}" for at in instants[:LISTS]]
        seconds = made_ready(client, f"/environments?at={max(instants)}")
        ms = timed(client, some)
        yield Row(
            what=f"?at= of {len(site.environments)} environments, {EVENTS:,} events",
            limit=f"as they are now, p50 {percentile(live, 50):.1f} ms",
            reached=f"p50 {percentile(ms, 50):.1f} ms",
            p50_ms=percentile(ms, 50),
            p99_ms=max(ms),
            notes=[f"to make every snapshot there was yet to make: {seconds:.1f} s"],
        )


def between(start: str, end: str, number: int) -> Sequence[str]:
    first, last = map(datetime.fromisoformat, (start, end))
    chance = random.Random(number)
    return [told(first + (last - first) * chance.random()) for _ in range(number)]


def made_ready(client: Client, path: str) -> float:
    """Seconds until it is answered: so much past is folded in several goes."""
    began = monotonic()
    for _ in range(RETRIES_MAX):
        try:
            client.call("GET", path)
        except RuntimeError as error:
            if "answered 503" not in str(error):
                raise
        else:
            break
    return monotonic() - began


def timed(client: Client, paths: Sequence[str]) -> Sequence[float]:
    """Milliseconds of each call, one after the other."""
    found = []
    for path in paths:
        began = monotonic()
        client.call("GET", path)
        found.append((monotonic() - began) * 1_000)
    return found


def percentile(ms: Sequence[float], share: int) -> float:
    return quantiles(ms, n=100, method="inclusive")[share - 1]
