"""The start of `berth up` on a data folder that was used before."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

from tests.bench.bench import Bench
from tests.bench.installation import free_port
from tests.bench.measure import by_turns
from tests.bench.table import Row
from workers.embedded import EmbeddedNats, EmbeddedPostgres, ServerStartError

SECONDS_MAX = 5


def rows(bench: Bench) -> Iterator[Row]:
    folder = bench.folder / "up"
    berth_up(folder)  # The first start makes the folder.
    ours, servers = by_turns(
        bench.rounds, partial(berth_up, folder), partial(own_start, folder)
    )
    reached, limit = median(ours), median(servers)
    yield Row(
        what="start of berth up, warm",
        limit=f"PostgreSQL, NATS {limit:.2f} s",
        reached=f"{reached:.2f} s",
        ratio=reached / limit,
        floor=f"<= {SECONDS_MAX} s",
        verdict=reached <= SECONDS_MAX,
    )


def berth_up(folder: Path) -> float:
    """Seconds from the command to its word that it is ready."""
    port = str(free_port())
    command = [sys.executable, "-m", "api", "up", "--data-dir", str(folder)]
    began = monotonic()
    with subprocess.Popen(
        [*command, "--port", port], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        said = process.stdout.readline()
        took = monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.communicate()
    if "ready" not in said:
        raise ServerStartError(f"berth up said {said!r}")
    return took


def own_start(folder: Path) -> float:
    """Seconds that the two servers take by themselves."""
    began = monotonic()
    with EmbeddedPostgres(folder / "postgres"), EmbeddedNats(folder / "nats"):
        return monotonic() - began
