"""Relay: how fast the journal gets to JetStream, and how late it gets to a subscriber.

The limit is a plain publication of the same messages, each acknowledged; the relay may
be faster than that, for it publishes in batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from statistics import median
from time import monotonic

import uvloop

from projections.storage.migrate import migrate
from tests.bench import relayed
from tests.bench.bench import Bench, Site
from tests.bench.installation import lock_path
from tests.bench.measure import by_turns, percentile
from tests.bench.rows.hand_over import both
from tests.bench.table import Row
from tests.support.servers import fresh_database
from workers.embedded import EmbeddedNats

EVENTS = 20_000
EVENTS_PER_SECOND = 5_000


def rows(bench: Bench) -> Iterator[Row]:
    with EmbeddedNats(bench.folder / "nats-relay") as nats:
        yield throughput(bench, nats.url)
    with bench.young_site() as site:
        yield lag(bench, site)


def throughput(bench: Bench, nats_url: str) -> Row:
    records = relayed.events(EVENTS)

    def relay() -> float:
        with fresh_database(bench.servers.database_url) as url:
            migrate(url)
            relayed.fill(url, records)
            return uvloop.run(relayed.relay(url, nats_url, EVENTS))

    def publish_plainly() -> float:
        return uvloop.run(relayed.publish_plainly(nats_url, records))

    ours, plain = by_turns(bench.rounds, relay, publish_plainly)
    reached, limit = median(ours), median(plain)
    return Row(
        what=f"relay, {EVENTS:,} events from the journal to JetStream",
        limit=f"plain publication {limit:,.0f} events/s",
        reached=f"{reached:,.0f} events/s",
        ratio=reached / limit,
        floor=f">= {EVENTS_PER_SECOND:,} events/s",
        verdict=reached >= EVENTS_PER_SECOND,
    )


def lag(bench: Bench, site: Site) -> Row:
    nats_url = site.berth.nats_url
    quiet = while_doing(nats_url, partial(go_round, site, bench.seconds))
    load = partial(site.lock_cycles, bench.seconds)
    busy = while_doing(nats_url, load)
    return Row(
        what="relay, from an append to a subscriber, under load",
        limit="-",
        reached=f"{len(busy) / bench.seconds:,.0f} events/s",
        p50_ms=percentile(busy, 50),
        p99_ms=percentile(busy, 99),
        notes=[f"with one client: p50/p99 {both(quiet)} ms"],
    )


def go_round(site: Site, seconds: float) -> None:
    """One client, one lock after the other."""
    client, until = site.berth.client(), monotonic() + seconds
    for environment_id in cycle(site.environments):
        if monotonic() > until:
            return
        ticket = client.call("POST", lock_path(environment_id), {})["ticketId"]
        client.call("PUT", lock_path(environment_id, f"{ticket}/acquire"))
        client.call("DELETE", lock_path(environment_id, ticket))


def while_doing(nats_url: str, work: Callable[[], object]) -> Sequence[float]:
    async def listening() -> Sequence[float]:
        stop = asyncio.Event()
        heard = asyncio.create_task(relayed.lags_ms(nats_url, stop))
        await asyncio.get_running_loop().run_in_executor(pool, work)
        stop.set()
        return await heard

    with ThreadPoolExecutor(1) as pool:
        return uvloop.run(listening())
