"""Three servers of NATS that are one cluster, of which any may be killed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.embedded import EmbeddedNats
from workers.embedded.nats import _free_port

SERVERS = 3


class ClusteredNats(EmbeddedNats):
    """One of them; `places` are where they reach each other."""

    def __init__(
        self, folder: Path, token: str, place: int, places: Sequence[int]
    ) -> None:
        super().__init__(folder)
        self._token, self._place, self._places = token, place, places

    @property
    def server_name(self) -> str:
        return str(self._config["server_name"])

    def _configure(self, pid_file: Path) -> dict[str, Any]:
        config = super()._configure(pid_file)
        config["authorization"] = {"token": self._token}
        config["cluster"] = {
            "name": "of-the-tests",
            "host": config["host"],
            "port": self._place,
            "routes": [f"nats://{config['host']}:{place}" for place in self._places],
        }
        self._config_file.write_text(json.dumps(config))
        return config


@dataclass(frozen=True)
class Cluster:
    servers: Sequence[ClusteredNats]

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers)

    def named(self, name: str) -> ClusteredNats:
        return next(one for one in self.servers if one.server_name == name)


@contextmanager
def nats_cluster(folder: Path) -> Iterator[Cluster]:
    token, places = secrets.token_urlsafe(), [_free_port() for _ in range(SERVERS)]
    servers = [
        ClusteredNats(folder / f"{place}", token, place, places) for place in places
    ]
    with ExitStack() as stack, ThreadPoolExecutor(SERVERS) as starting:
        for server in servers:
            stack.callback(server.stop)
        [*starting.map(ClusteredNats.start, servers)]
        yield Cluster(servers)
