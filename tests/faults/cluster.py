"""Two API processes and two workers on one PostgreSQL and one NATS, all to be broken.

The thread that starts them must outlive them: they die with it.
"""

from __future__ import annotations

import base64
import random
import secrets
import socket
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from projections.storage.keyring import Keyring
from projections.storage.migrate import migrate
from tests.faults.wire import HOST
from tests.support.loaded import LoadedCommand
from workers.embedded import EmbeddedNats, EmbeddedPostgres
from workers.embedded.postgres_folder import DATABASE
from workers.embedded.process import wait_for
from workers.settings import vault_keys_from
from workers.supervisor import Command

# Below the ports of outgoing connections: see `workers/embedded/nats.py` for why.
PORTS = range(20_000, 32_000)
VAULT_KEYS = "1:" + base64.b64encode(bytes(32)).decode()
KEYS = Keyring(vault_keys_from(VAULT_KEYS))
APIS = WORKERS = 2
READY_SECONDS_MAX = 120
# What is to be committed is written only after so many microseconds. (What has been
# written survives the death of PostgreSQL, if not that of the machine.)
SLOW_COMMITS = f"""
ALTER DATABASE {DATABASE} SET commit_delay = 6000;
ALTER DATABASE {DATABASE} SET commit_siblings = 0;
"""


class Cluster:
    """`with Cluster(folder) as cluster`: everything answers. Logs are in `folder`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.secret = secrets.token_urlsafe(48)
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.nats = EmbeddedNats(folder / "nats", gives_way=True)
        self.apis: dict[int, Command] = {}
        self.workers: list[Command] = []
        self._folder = folder
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.postgres)
            self._stack.enter_context(self.nats)
            migrate(self.postgres.url)
            self._slow_down_commits()
            for port in free_ports(APIS):
                self.apis[port] = self._command("api", port)
            self.workers = [self._command("worker", n) for n in range(WORKERS)]
            for process in (*self.workers, *self.apis.values()):
                self._stack.enter_context(process)
            for port in self.apis:
                self.wait_until_ready(port)
            for worker in self.workers:
                self.wait_until_working(worker)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def ended(self) -> dict[str, int]:
        """The exit codes of API processes and workers that do not run."""
        processes = (*self.apis.values(), *self.workers)
        codes = {process.name: process.exit_code for process in processes}
        return {name: code for name, code in codes.items() if code is not None}

    def stop_processes(self) -> dict[str, int]:
        """Nobody changes anything any more, and the servers go on. Their exit codes."""
        for process in (*self.apis.values(), *self.workers):
            process.stop()
        return self.ended()

    def wait_until_ready(self, port: int) -> None:
        self._wait(self.apis[port], lambda: is_ready(port))

    def wait_until_working(self, worker: Command) -> None:
        """It reads views once its journal is open."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            find = "SELECT FROM pg_stat_activity WHERE application_name = %s"

            def is_working() -> bool:
                return connection.execute(find, [worker.name]).rowcount > 1

            self._wait(worker, is_working)

    def _slow_down_commits(self) -> None:
        """As on a slow disk: they take long enough to be killed in the middle."""
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute(SLOW_COMMITS)

    def _wait(self, process: Command, condition: Callable[[], bool]) -> None:
        if not wait_for(condition, READY_SECONDS_MAX):
            raise TimeoutError(f"{process.name} is not ready: {process.log}")

    def _command(self, kind: str, number: int) -> Command:
        """`api` on port `number`, or a worker. PostgreSQL knows it by its name."""
        name = f"{kind}-{number}"
        environment = {
            "BERTH_DATABASE_URL": f"{self.postgres.url}&application_name={name}",
            "BERTH_NATS_URL": self.nats.url,
            "BERTH_SECRET": self.secret,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
            "BERTH_PORT": str(number or PORTS.start),
            "BERTH_SALESFORCE_CHECK": "off",  # Its orgs are made up.
            "BERTH_CREDENTIALS": "sfdxAuthUrl",
            **self._settings,
        }
        command = LoadedCommand(name, [kind], environment)
        command.log = self._folder / f"{name}.log"
        return command


def is_ready(port: int) -> bool:
    try:
        url = f"http://{HOST}:{port}/sfp/api/health/ready"
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    return [port for port in random.sample(PORTS, 100) if _is_free(port)][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
