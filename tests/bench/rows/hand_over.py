"""Hand-over: from the release's answer to the answer of the acquire that waited."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from time import monotonic

from tests.bench.bench import Bench, Site
from tests.bench.client import Client
from tests.bench.installation import lock_path
from tests.bench.limits import notifying
from tests.bench.measure import percentile
from tests.bench.table import Row

P50_MS_MAX, P99_MS_MAX, ROUND_TRIPS_MAX = 5, 25, 10
WAITERS = 8
PER_SECOND = 60


def rows(bench: Bench) -> Iterator[Row]:
    trips, waits, whole = [], [], []
    with bench.young_site() as site, notifying(bench.servers) as notify:
        queue = Queue(site)
        for _ in range(int(bench.seconds * bench.rounds * PER_SECOND)):
            trips.append(notify.round_trip_ms())
            returned, answered = queue.hand_over()
            waits.append(answered - returned)
            whole.append(answered)
        queue.leave()
    p50, p99 = percentile(waits, 50), percentile(waits, 99)
    trip = percentile(trips, 50)
    fast = p50 <= P50_MS_MAX and p99 <= P99_MS_MAX
    yield Row(
        what="hand-over",
        limit=f"NOTIFY {trip:.2f} ms",
        reached=f"{p50:.2f} ms",
        ratio=p50 / trip,
        floor=f"p50 <= {P50_MS_MAX} ms, p99 <= {P99_MS_MAX} ms, <= {ROUND_TRIPS_MAX}",
        verdict=fast and p50 <= ROUND_TRIPS_MAX * trip,
        p50_ms=p50,
        p99_ms=p99,
        notes=[f"from the release's request: {both(whole)} ms"],
    )


def both(latencies: Sequence[float]) -> str:
    return f"{percentile(latencies, 50):.2f}/{percentile(latencies, 99):.2f}"


class Queue:
    """Clients in line for one lock, each with its acquire sent long before its turn."""

    def __init__(self, site: Site) -> None:
        berth, self._id = site.berth, site.environments[0]
        self._line: deque[tuple[Client, str]] = deque()
        for _ in range(WAITERS):
            self._join(berth.client())
        self._holder = self._next()

    def hand_over(self) -> tuple[float, float]:
        """Milliseconds to the release's answer, and to that of the next acquire."""
        client, ticket = self._holder
        began = monotonic()
        client.call("DELETE", lock_path(self._id, ticket))
        returned = monotonic()
        self._holder = self._next()
        answered = monotonic()
        self._join(client)
        return (returned - began) * 1_000, (answered - began) * 1_000

    def leave(self) -> None:
        while self._line:
            client, ticket = self._holder
            client.call("DELETE", lock_path(self._id, ticket))
            self._holder = self._next()
        client, ticket = self._holder
        client.call("DELETE", lock_path(self._id, ticket))

    def _join(self, client: Client) -> None:
        ticket = client.call("POST", lock_path(self._id), {})["ticketId"]
        client.send("PUT", lock_path(self._id, f"{ticket}/acquire"))
        self._line.append((client, ticket))

    def _next(self) -> tuple[Client, str]:
        client, ticket = self._line.popleft()
        client.receive()
        return client, ticket
