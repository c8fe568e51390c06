"""etcd on one node, for comparison; only where its package is installed."""

from __future__ import annotations

import base64
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from domain.ids import new_id
from tests.bench.installation import START_SECONDS_MAX, free_port
from tests.bench.wrk import Load, load
from workers.embedded.process import ServerStartError, wait_for
from workers.supervisor import Command

MISSING = "etcd is not installed (apt-get install etcd-server): not compared"
MEASURED = (
    "its lock service over its HTTP gateway, one lease for each client,"
    " so a cycle is two calls: lock, unlock"
)


@dataclass(frozen=True)
class Etcd:
    url: str
    pid: int

    def lock_cycles(self, names: Sequence[str], clients: int, seconds: float) -> Load:
        """On locks of this turn's own: the last one's clients may have left some."""
        turn = new_id()
        encoded = [base64.b64encode(f"{turn}/{name}".encode()) for name in names]
        return load(
            "etcd.lua",
            self.url,
            *(name.decode() for name in encoded),
            clients=clients,
            seconds=seconds,
            pid=self.pid,
        )


@contextmanager
def running_etcd(folder: Path) -> Iterator[Etcd | None]:
    """None if it is not installed."""
    program = shutil.which("etcd")
    if program is None:
        yield None
        return
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    options = {
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-level": "error",
    }
    process = Command("etcd", [program, *(f"--{k}={v}" for k, v in options.items())])
    process.log = folder / "etcd.log"
    with process:
        if not wait_for(partial(_answers, client), START_SECONDS_MAX):
            raise ServerStartError(f"etcd does not answer; see {process.log}")
        assert process.pid
        yield Etcd(client, process.pid)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
