"""One of the other queues at work: a database of its own, and a worker process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
import psycopg

from tests.bench.installation import python
from tests.bench.queues import QUEUES
from tests.bench.queues.queue import Flood, stopped
from tests.support.servers import Servers, fresh_database
from workers.embedded.process import ServerStartError, wait_for
from workers.supervisor import Command

MODULE = "tests.bench.queues"
DRAIN_SECONDS_MAX = 120


@dataclass(frozen=True)
class QueueSite:
    """What the row measures of it."""

    name: str
    url: str
    folder: Path
    worker: Command

    @property
    def settings(self) -> str:
        return QUEUES[self.name].settings

    def latencies_ms(self, count: int) -> Sequence[float]:
        told = ask(self.name, self.url, "calm", str(self.folder), str(count))
        return msgspec.json.decode(told, type=list[float])

    def tasks_per_second(self, seconds: float) -> float:
        """Submitted for so long, and run meanwhile, and on until the last one."""
        flood = self._flood(seconds)
        self._drain()
        return flood.submitted / (monotonic() - flood.began_at)

    def drained_per_second(self, seconds: float) -> float:
        """Submitted for so long, while the worker is stopped, and only then run."""
        assert self.worker.pid
        with stopped(self.worker.pid):
            flood = self._flood(seconds)
        began_at = monotonic()
        self._drain()
        return flood.submitted / (monotonic() - began_at)

    def _flood(self, seconds: float) -> Flood:
        told = ask(self.name, self.url, "flood", str(seconds))
        return msgspec.json.decode(told, type=Flood)

    def _drain(self) -> None:
        unfinished = QUEUES[self.name].unfinished
        with psycopg.connect(self.url, autocommit=True) as connection:

            def is_done() -> bool:
                [(is_left,)] = connection.execute(unfinished).fetchall()
                return not is_left

            if not wait_for(is_done, DRAIN_SECONDS_MAX):
                raise ServerStartError(f"{self.name} does not finish")


@contextmanager
def queue_site(name: str, servers: Servers, folder: Path) -> Iterator[QueueSite]:
    with fresh_database(servers.database_url) as url:
        ask(name, url, "install")
        with python(folder, name, MODULE, name, url, "work") as worker:
            yield QueueSite(name, url, folder, worker)


def ask(name: str, url: str, *what: str) -> bytes:
    command = [sys.executable, "-m", MODULE, name, url, *what]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
