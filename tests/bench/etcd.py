"""etcd on one node, for comparison; only where its package is installed."""

from __future__ import annotations

import base64
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.installation import START_SECONDS_MAX, free_port
from tests.bench.wrk import Load, load
from workers.embedded.process import ServerStartError, wait_for
from workers.supervisor import Command

MISSING = "etcd is not installed (apt-get install etcd-server): not compared"
LEASES = ("hold", "client")  # how long one lasts


def lock_cycles(
    folder: Path, lease: str, names: Sequence[str], clients: int, seconds: float
) -> Load | None:
    """All clients go round on the names, on an etcd of their own; None without etcd.

    `lease` is one of `LEASES`.

    Clients who leave while they wait are not noticed by its gateway: in a second turn,
    what they hold on to leaves no room for others.
    """
    encoded = [base64.b64encode(name.encode()).decode() for name in names]
    with (
        tempfile.TemporaryDirectory(prefix="etcd-", dir=folder) as own,
        running_etcd(Path(own)) as etcd,
    ):
        if etcd is None:
            return None
        url, pid = etcd
        return load(
            "etcd.lua", url, lease, *encoded, clients=clients, seconds=seconds, pid=pid
        )


@contextmanager
def running_etcd(folder: Path) -> Iterator[tuple[str, int] | None]:
    """Its URL and its process; None if it is not installed."""
    program = shutil.which("etcd")
    if program is None:
        yield None
        return
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    options = {
        "data-dir": str(folder / "data"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-level": "error",
    }
    process = Command("etcd", [program, *(f"--{k}={v}" for k, v in options.items())])
    process.log = folder / "log"
    with process:
        if not wait_for(partial(_answers, client), START_SECONDS_MAX):
            raise ServerStartError(f"etcd does not answer: {process.log.read_text()}")
        assert process.pid
        yield client, process.pid


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
