"""A line that cannot be written stops nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A pass that fails is logged; what comes after it is to be reached all the same.
FAILING_ONCE = """
import asyncio
from workers import loop
from workers.logs import configure_logs, teller

passes = []

async def run_once():
    passes.append("one")
    if len(passes) == 1:
        raise ValueError("of the first pass")
    raise KeyboardInterrupt

configure_logs()
teller()({"event": "request", "level": "info"})
try:
    asyncio.run(loop.run_forever("a", run_once, 0.01))
except KeyboardInterrupt:
    print(len(passes), "passes")
"""


def passes(stderr: int) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-c", FAILING_ONCE]
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=stderr, check=False)


def test_a_worker_goes_on_though_the_disk_of_its_log_is_full() -> None:
    with Path("/dev/full").open("wb") as full:
        assert passes(full.fileno()).stdout == b"2 passes\n"


def test_a_worker_goes_on_though_nobody_reads_its_log() -> None:
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as nobody:
        nobody.wait()
        assert nobody.stdin
        assert passes(nobody.stdin.fileno()).stdout == b"2 passes\n"


@pytest.mark.parametrize("line", [b"of the first pass", b'"event":"request"'])
def test_what_can_be_written_is(line: bytes) -> None:
    assert line in passes(subprocess.STDOUT).stdout
