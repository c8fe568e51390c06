"""What works behind the API gives way to it where the CPU is scarce."""

from __future__ import annotations

import os

import psutil
import pytest

from tests.support.running import HOST, Installation, free_port, until
from workers.embedded.process import NICENESS


@pytest.mark.parametrize(("part", "niceness"), [("worker", NICENESS), ("api", 0)])
def test_a_worker_is_nice_and_an_api_is_not(
    installation: Installation, part: str, niceness: int
) -> None:
    port = free_port()
    beside = {"BERTH_PORT": str(port), "BERTH_METRICS_PORT": str(port)}
    expected = min(19, os.nice(0) + niceness)
    with installation.berth(part, name=f"nice-{part}", **beside) as process:
        until(lambda: is_answered(port), 30)
        assert psutil.Process(process.pid).nice() == expected


def is_answered(port: int) -> bool:
    listening = psutil.net_connections("tcp")
    return any(c.laddr == (HOST, port) and c.status == "LISTEN" for c in listening)
