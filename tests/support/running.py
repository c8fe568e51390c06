"""Berth itself, running: API processes and a worker on a database of their own.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString

import httpx2
import psycopg
import pytest
from psycopg.rows import dict_row

from api.person_tokens import Signer
from domain.decider import Outcome, Step
from domain.roles import Role
from projections.storage.database import Database
from projections.storage.task_log import TaskLog
from tests.support.client import Caller
from tests.support.loaded import LoadedCommand
from tests.support.servers import Servers, migrated_database
from workers.settings import Settings, from_environment
from workers.supervisor import Command
from workers.wiring import running

HOST = "127.0.0.1"
# Below the ports of outgoing connections, so that nobody is given ours meanwhile.
PORTS = range(20_000, 32_000)
# On a machine that is very busy, too.
ENOUGH_SECONDS, READY_SECONDS_MAX = 60, 120
PAUSE_SECONDS_MAX = 0.03
SECRET = secrets.token_urlsafe(48)
# A type of task that no worker here takes: tests play its worker, by hand.
ELSEWHERE = "renderReport"
VAULT_KEYS = f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
MAIN = """
from api.__main__ import main
main()
"""
BEHIND = """
SELECT FROM berth_tracking
WHERE notification_id < (SELECT max(notification_id) FROM berth_events)
"""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Installation:
    """One database and one NATS, for as many processes as a test asks for."""

    environment: dict[str, str]
    folder: Path

    @property
    def settings(self) -> Settings:
        return from_environment(self.environment)

    @property
    def logs(self) -> Sequence[Path]:
        """What each process has written so far."""
        return sorted(self.folder.glob("*.log"))

    @contextmanager
    def api(self, name: str, *, first: str = "", **settings: str) -> Iterator[Api]:
        """An API process that answers; `settings` go before the installation's."""
        port = free_port()
        url = f"http://{HOST}:{port}"
        with (
            httpx2.Client(base_url=f"{url}/sfp/api", timeout=30) as http,
            self.berth("api", name=name, first=first, BERTH_PORT=str(port), **settings),
        ):
            api = Api(url, port, http)
            until(api.is_ready, READY_SECONDS_MAX)
            yield api

    @contextmanager
    def worker(self, *, first: str = "", **settings: str) -> Iterator[None]:
        """A worker that has read the journal up to here: append something before."""
        with self.berth("worker", first=first, **settings):
            until(lambda: not self.query(BEHIND), READY_SECONDS_MAX)
            yield

    def decide(self, *steps: Step) -> Sequence[Outcome]:
        """Put `steps` to the journal in order, each by itself, past the API."""

        async def asking() -> Sequence[Outcome]:
            async with running(self.settings) as services:
                asked = [services.journal.execute(step) for step in steps]
                return await asyncio.gather(*asked)

        return asyncio.run(asking())

    def log(self, operation_id: str, *written: tuple[int, str]) -> None:
        """Have attempts of a task write something, one after the other."""
        with closing(Database(self.settings.database_url)) as database:
            for attempt, content in written:
                asyncio.run(TaskLog(database).append(operation_id, attempt, content))

    def query(self, statement: LiteralString, *values: Any) -> Sequence[dict[str, Any]]:
        url = self.settings.database_url
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()

    def berth(
        self, *arguments: str, name: str = "", first: str = "", **settings: str
    ) -> Command:
        """A command of the command line, not yet started; `name` is its log's.

        `first`: Python for its process to run first, where what a test needs to be
        otherwise is no setting.
        """
        name = name or "-".join(arguments)
        environment = self.environment | settings
        if first:
            words = [sys.executable, "-c", f"{first}{MAIN}", *arguments]
            command = Command(name, words, environment)
        else:
            command = LoadedCommand(name, arguments, environment)
        command.log = self.folder / f"{name}.log"
        return command


@dataclass(frozen=True)
class Api:
    """One API process."""

    url: str
    port: int
    http: httpx2.Client

    def caller(self, role: Role, name: str | None = None) -> Caller:
        """Somebody with `role`; somebody new unless `name` says who."""
        name = name or f"{role}-{next(_numbers)}"
        signer = Signer(SECRET.encode())
        return Caller(self.http, signer.issue(name, role, timedelta(hours=1)), name)

    def bearing(self, token: str) -> Caller:
        return Caller(self.http, token, "")

    @property
    def waiting(self) -> int:
        """How many long polls are parked."""
        return int(self.http.get("/health/live").json()["waiting"])

    def is_ready(self) -> bool:
        try:
            return self.http.get("/health/ready").is_success
        except httpx2.TransportError:
            return False


def until(condition: Callable[[], bool], seconds: float = ENOUGH_SECONDS) -> None:
    """It is asked less and less often: the machine is for whoever is waited for."""
    deadline, pause = monotonic() + seconds, 0.002
    while not condition():
        assert monotonic() < deadline, f"not true within {seconds:g} s"
        sleep(pause)
        pause = min(pause * 1.3, PAUSE_SECONDS_MAX)


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)):
                return port
    raise OSError(f"no free port between {PORTS.start} and {PORTS.stop}")


@pytest.fixture(scope="session")
def installation(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A migrated database, without a process of Berth's yet."""
    with migrated_database(servers) as database_url:
        environment = {
            "BERTH_DATABASE_URL": database_url,
            "BERTH_NATS_URL": servers.nats_url,
            "BERTH_SECRET": SECRET,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
            # Most tests make their orgs up, and none of them is there to be asked;
            # see tests/support/salesforce.py for those that are.
            "BERTH_SALESFORCE_CHECK": "off",
            "BERTH_CREDENTIALS": "sfdxAuthUrl",
            "BERTH_TASK_TYPES": ELSEWHERE,
            "BERTH_WEBHOOK_NETWORKS": f"{HOST}/32",
        }
        yield Installation(environment, tmp_path_factory.mktemp("berth"))


@pytest.fixture(scope="session")
def api(installation: Installation) -> Iterator[Api]:
    """One API process for all tests: each makes a repository of its own there."""
    with installation.api("api") as process:
        yield process


@pytest.fixture(scope="session")
def other_api(installation: Installation) -> Iterator[Api]:
    """A second process on the same database."""
    with installation.api("other-api") as process:
        yield process


@pytest.fixture
def owner(api: Api) -> Caller:
    return api.caller(Role.OWNER)


@pytest.fixture
def application(api: Api) -> Caller:
    return api.caller(Role.APPLICATION)


@pytest.fixture
def member(api: Api) -> Caller:
    return api.caller(Role.MEMBER)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """For what takes its time while the test goes on."""
    with ThreadPoolExecutor() as threads:
        yield threads
