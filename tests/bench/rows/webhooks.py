"""Webhooks: deliveries a second, and what a dead and a slow receiver cost the others.

`BENCH_WEBHOOK_EVENTS=100000` measures as many, instead of those of a short while.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

from domain.clock import utc_now
from tests.bench.bench import Bench
from tests.bench.measure import percentile
from tests.bench.table import Row
from tests.bench.webhook_site import RECEIVERS, WebhookSite, webhook_site
from workers.networks import networks_from
from workers.outgoing import Outgoing, signed

# What two cores can send beside everything else, with some room.
EVENTS_PER_SECOND = 15.0
AT_ONCE = 64
STEADY_FOR = 4
EVENTS_DRAINED_PER_SECOND = 200
RATIO_MAX = 1.2
DUPLICATES_MAX = 0.01
SINGLE_EVENTS = 50
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
Happen = Callable[[WebhookSite, int], None]
BODY = b'{"timestamp": "2026-01-01T12:00:00Z", "data": "' + b"x" * 600 + b'"}'


def rows(bench: Bench) -> Iterator[Row]:
    wanted = int(os.environ.get("BENCH_WEBHOOK_EVENTS", "0"))
    with webhook_site(bench.servers, bench.folder) as site:
        steadily(site, int(EVENTS_PER_SECOND))  # to be warm
        limit = asyncio.run(bare_posts(site, bench.seconds))
        happen, how = (WebhookSite.append, "all at once") if wanted else SLOWLY
        count = wanted or int(bench.seconds * EVENTS_DRAINED_PER_SECOND)
        seconds, without = undisturbed(site, count, WebhookSite.append)
        drained = count * RECEIVERS / seconds
        yield Row(
            what=f"webhooks: {count:,} events to {RECEIVERS} receivers",
            limit=f"{limit:,.0f} bare posts/s",
            reached=f"{drained:,.0f} deliveries/s",
            ratio=drained / limit,
        )
        if not wanted:
            count = int(bench.seconds * EVENTS_PER_SECOND * STEADY_FOR)
            _, without = undisturbed(site, count, happen)
        yield isolation(site, count, happen, how, without)
        yield idle(site)


def undisturbed(
    site: WebhookSite, count: int, happen: Happen
) -> tuple[float, Sequence[float]]:
    """How many seconds it takes until all have all; how late, but to two, it came."""
    site.become()
    began = monotonic()
    happen(site, count)
    site.await_unique(count, site.ports)
    return monotonic() - began, site.late_ms(site.ports[2:])


def steadily(site: WebhookSite, count: int) -> None:
    site.ask(count, EVENTS_PER_SECOND)


SLOWLY = steadily, f"{EVENTS_PER_SECOND:g}/s"


def isolation(
    site: WebhookSite,
    count: int,
    happen: Happen,
    how: str,
    without: Sequence[float],
) -> Row:
    """How late the events come to those who are well beside one dead and one slow."""
    dead, slow, *well = site.ports
    site.become(dead=[dead], slow=[slow])
    happen(site, count)
    site.await_unique(count, well)
    with_them, told, waiting = site.late_ms(well), site.report(), site.left()
    site.become(forget=False)
    site.hurry()
    site.await_unique(count, [dead, slow])
    duplicates = repeated(site.report())
    ours, theirs = percentile(with_them, 99), percentile(without, 99)
    return Row(
        what="webhooks: append to received, one dead and one slow",
        limit=f"p99 {theirs:.1f} ms without them",
        reached=f"p99 {ours:.1f} ms",
        ratio=ours / theirs,
        floor=f"<= {RATIO_MAX}",
        verdict=ours / theirs <= RATIO_MAX and duplicates <= DUPLICATES_MAX,
        p50_ms=percentile(with_them, 50),
        p99_ms=ours,
        notes=[
            f"{count:,} events, {how}; duplicates {duplicates:.2%}",
            f"meanwhile the slow one got {told[slow]['unique']:,}, the dead none",
            f"{waiting:,} waited for them, and all came once they were well",
        ],
    )


def idle(site: WebhookSite) -> Row:
    """How late one event comes that is all that happens."""
    site.become()
    site.tell_first(SINGLE_EVENTS)
    late = site.late_ms(site.ports[:1])
    return Row(
        what="webhooks: append to received, one event at a time",
        limit="",
        reached=f"p50 {percentile(late, 50):.1f} ms",
        p50_ms=percentile(late, 50),
        p99_ms=percentile(late, 99),
    )


def repeated(told: Mapping[int, Mapping[str, int]]) -> float:
    """How much of all was sent more than once."""
    sent = sum(report["total"] for report in told.values())
    unique = sum(report["unique"] for report in told.values())
    return (sent - unique) / unique


async def bare_posts(site: WebhookSite, seconds: float) -> float:
    """What one process can send, signed, that has nothing else to do."""
    outgoing = Outgoing(networks_from("127.0.0.1/32"))
    done, until = 0, monotonic() + seconds

    async def post(number: int) -> None:
        nonlocal done
        url = f"http://127.0.0.1:{site.ports[number % RECEIVERS]}/hook"
        while monotonic() < until:
            at = utc_now()
            headers = signed([SECRET], f"bare-{number}-{done}", at, BODY)
            await outgoing.post(
                url, method="POST", headers=headers, body=BODY, timeout_seconds=10
            )
            done += 1

    try:
        await asyncio.gather(*(post(number) for number in range(AT_ONCE)))
    finally:
        await outgoing.close()
    return done / seconds
