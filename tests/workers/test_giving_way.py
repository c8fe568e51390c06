"""What works behind the API gives way to it where the CPU is scarce."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.running import HOST, Installation, free_port, until
from workers.embedded import EmbeddedNats
from workers.giving_way import NICENESS

US = os.getpid()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as Linux schedules")


def has_given_way(pid: int | None) -> bool:
    """As seen from here, who has not."""
    assert pid
    assert os.sched_getscheduler(US) == os.SCHED_OTHER
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    return nice == min(19, os.getpriority(os.PRIO_PROCESS, US) + NICENESS) and (
        os.sched_getscheduler(pid) == os.SCHED_BATCH
    )


@pytest.mark.parametrize(("part", "gives_way"), [("worker", True), ("api", False)])
def test_a_worker_gives_way_and_an_api_does_not(
    installation: Installation, part: str, *, gives_way: bool
) -> None:
    port = free_port()
    beside = {"BERTH_PORT": str(port), "BERTH_METRICS_PORT": str(port)}
    with installation.berth(part, name=f"nice-{part}", **beside) as process:
        until(lambda: is_listening(port), 30)
        assert has_given_way(process.pid) is gives_way


def test_nats_gives_way(tmp_path: Path) -> None:
    with EmbeddedNats(tmp_path, gives_way=True) as server:
        assert has_given_way(server.pid)


def is_listening(port: int) -> bool:
    sockets = psutil.net_connections("tcp")
    return any(s.laddr == (HOST, port) and s.status == "LISTEN" for s in sockets)
