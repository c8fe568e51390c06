"""Load from outside Python: wrk, with a script that says what each client does next."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import psutil

FOLDER = Path(__file__).parent
MISSING = "the load comes from wrk, which is not installed: apt-get install wrk"


class LoadError(RuntimeError):
    """The load did not go as it should: wrk is missing, or answers were wrong."""


@dataclass(frozen=True)
class Load:
    """What wrk saw. `latencies` counts, for each step, the calls of each 0.1 ms.

    `cpu_seconds` is what the server's process used meanwhile.
    """

    seconds: float
    calls: int
    cycles: int
    latencies: Mapping[str, Counter[int]]
    cpu_seconds: float = 0

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def cycles_per_second(self) -> float:
        return self.cycles / self.seconds

    @property
    def cpu_us_per_call(self) -> float:
        return self.cpu_seconds / self.calls * 1e6

    @cached_property
    def all_latencies(self) -> Counter[int]:
        return sum(self.latencies.values(), Counter())

    def percentile_ms(self, percent: float, step: str | None = None) -> float:
        """Of the calls of one step, or of all of them."""
        counts = self.latencies[step] if step else self.all_latencies
        left = counts.total() * percent / 100
        for tenths in sorted(counts):
            left -= counts[tenths]
            if left <= 0:
                break
        return (tenths + 1) / 10


def load(
    script: str,
    url: str,
    *arguments: str,
    clients: int,
    seconds: float,
    pid: int,
    environment: Mapping[str, str] | None = None,
) -> Load:
    """Run `script` for each client, on a connection and a thread of its own.

    `pid` is the server's process.
    """
    server = psutil.Process(pid)
    before = server.cpu_times()
    command = [wrk(), f"-t{clients}", f"-c{clients}", f"-d{max(1, round(seconds))}"]
    command += ["--timeout", "60", "-s", str(FOLDER / script), url, "--", *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {}), "BENCH_FOLDER": str(FOLDER)},
        capture_output=True,
        text=True,
        check=True,
    )
    after = server.cpu_times()
    used = after.user + after.system - before.user - before.system
    return replace(_read(done.stdout), cpu_seconds=used)


def wrk() -> str:
    """Where wrk is; `LoadError` if it is not installed."""
    if program := shutil.which("wrk"):
        return program
    raise LoadError(MISSING)


def _read(output: str) -> Load:
    told = dict(line.split("\t") for line in output.splitlines() if "\t" in line)
    if int(told["errors"]) or not int(told["calls"]):
        raise LoadError(f"{told['errors']} of {told['calls']}: {told['problem']}")
    latencies: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for name, value in told.items():
        if name.startswith("latency"):
            _, step, tenths = name.split()
            latencies[step][int(tenths)] = int(value)
    calls, cycles = int(told["calls"]), int(told["cycles"])
    return Load(float(told["seconds"]), calls, cycles, latencies)


def merged(loads: Sequence[Load]) -> Load:
    """Several turns as one."""
    latencies: dict[str, Counter[int]] = {}
    for one in loads:
        for step, counts in one.latencies.items():
            latencies.setdefault(step, Counter()).update(counts)
    return Load(
        sum(one.seconds for one in loads),
        sum(one.calls for one in loads),
        sum(one.cycles for one in loads),
        latencies,
        sum(one.cpu_seconds for one in loads),
    )
