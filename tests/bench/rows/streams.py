"""Streams: a thousand readers of one process's events, which still answers others."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import psutil

from api.person_tokens import Signer
from domain.ids import new_id
from domain.roles import Role
from tests.bench.bench import Bench
from tests.bench.client import Client
from tests.bench.installation import (
    REPOSITORY,
    SECRET,
    Installation,
    free_port,
    installation,
    python,
)
from tests.bench.measure import percentile
from tests.bench.table import Row
from workers.embedded.process import ServerStartError

READERS = 1_000
CALLERS = 10  # None may have all the streams.
HEALTH_MS_MAX = 100
LOOK_EVERY_SECONDS = 0.005
SECONDS_MAX = 120


class Found(NamedTuple):
    kib: float
    coming_ms: Sequence[float]
    health_ms: Sequence[float]
    events: int
    seconds: float


def rows(bench: Bench) -> Iterator[Row]:
    with installation(bench.servers, bench.folder) as berth:
        berth.add_environments(0)
        found = measured(berth, bench.folder, bench.seconds)
    health = found.health_ms
    yield Row(
        what=f"streams, {READERS:,} readers of one process",
        limit="",
        reached=f"{found.events * READERS / found.seconds:,.0f} events/s delivered",
        floor=f"health p99 <= {HEALTH_MS_MAX} ms",
        verdict=percentile(health, 99) <= HEALTH_MS_MAX,
        p50_ms=percentile(health, 50),
        p99_ms=percentile(health, 99),
        notes=[
            f"{found.kib:.1f} KiB for each reader",
            f"{found.events:,} events in {found.seconds:.1f} s, as fast as one asks",
            f"health, meanwhile: at most {max(health):.1f} ms",
            f"health, while they come: at most {max(found.coming_ms):.1f} ms",
        ],
    )


def measured(berth: Installation, folder: Path, seconds: float) -> Found:
    """What `READERS` cost, and how health does while they are told what happens."""
    process, control = psutil.Process(berth.pid), free_port()
    signer, health = Signer(SECRET.encode()), berth.client()
    tokens = [
        signer.issue(f"reader-{number}", Role.MEMBER, timedelta(days=1))
        for number in range(CALLERS)
    ]
    words = ("tests.bench.readers", *map(str, (control, berth.port, READERS)))
    look(health)
    before, coming, latencies = process.memory_full_info().uss, [0.0], [0.0]
    with (
        python(folder, "readers", *words, BENCH_TOKENS=" ".join(tokens)),
        ThreadPoolExecutor(1) as happening,
    ):
        began, following = monotonic(), 0
        while following < READERS:
            took, following = look(health)
            coming.append(took)
            check_time(began)
        kib = (process.memory_full_info().uss - before) / READERS / 1_024
        began = monotonic()
        asked = happening.submit(happen, berth, seconds)
        while not asked.done():
            latencies.append(look(health)[0])
        while fewest(control) < asked.result():
            latencies.append(look(health)[0])
            check_time(began)
        took = monotonic() - began
    return Found(kib, coming, latencies, asked.result(), took)


def happen(berth: Installation, seconds: float) -> int:
    """One event after the other, for so long; how many."""
    until, count = monotonic() + seconds, 0
    with closing(berth.client()) as client:
        while monotonic() < until:
            url = {"remoteUrl": f"https://github.com/{new_id()}"}
            client.call("PATCH", f"/projects/{REPOSITORY}", url)
            count += 1
    return count


def check_time(began: float) -> None:
    if monotonic() - began > SECONDS_MAX:
        raise ServerStartError("the readers have not come, or not got all events")


def look(health: Client) -> tuple[float, int]:
    """How long an answer took in ms, and how many follow; then a moment's rest."""
    began = monotonic()
    told = health.call("GET", "/health/live")
    took = (monotonic() - began) * 1_000
    sleep(LOOK_EVERY_SECONDS)
    return took, told["following"]


def fewest(control: int) -> int:
    """How many events the slowest reader has."""
    with socket.create_connection(("127.0.0.1", control)) as connection:
        told = b"".join(iter(lambda: connection.recv(4_096), b""))
    return int(json.loads(told)["fewest"])
