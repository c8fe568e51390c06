"""A Berth to measure: its own database, one API process, one worker."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from api.person_tokens import Signer
from domain.roles import Role
from projections.storage.keyring import Keyring
from tests.bench.client import Client
from tests.support.servers import Servers, fresh_database, migrated
from workers.embedded import EmbeddedNats
from workers.embedded.process import ServerStartError, wait_for
from workers.settings import vault_keys_from
from workers.supervisor import Command

SECRET = secrets.token_urlsafe(48)
VAULT_KEYS = f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
KEYS = Keyring(vault_keys_from(VAULT_KEYS))
REPOSITORY = "acme/bench"
WORKER = ("api", "worker")
START_SECONDS_MAX = 30
CATCH_UP_SECONDS_MAX = 120

BEHIND = """
SELECT count(*) FROM berth_tracking
WHERE notification_id < (SELECT max(notification_id) FROM berth_events)
"""
OPEN = """
SELECT environment_id, id FROM lock_ticket WHERE ended_at IS NULL
ORDER BY requested_position DESC
"""


@dataclass(frozen=True)
class Installation:
    database_url: str
    nats_url: str
    port: int
    pid: int
    worker_pid: int
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None = None) -> Client:
        return Client(self.port, token or self.token)

    def add_environments(self, count: int) -> Sequence[str]:
        """Plain ones, without an org; their ids."""
        client = self.client()
        project = {"identifier": REPOSITORY, "remoteUrl": "https://github.com/acme/b"}
        client.call("POST", "/projects", project)
        return [
            add_environment(client, name=f"environment-{number}")
            for number in range(count)
        ]

    def settle(self) -> None:
        """Wait until the views are up to date, and give up whatever lock is left.

        Again until none is: what a client sent last may arrive after it has gone.
        """
        client = self.client()
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            self._catch_up(connection)
            while left := connection.execute(OPEN).fetchall():
                for environment_id, ticket_id in left:
                    client.call("DELETE", lock_path(environment_id, ticket_id))
                self._catch_up(connection)

    def _catch_up(self, connection: psycopg.Connection[Any]) -> None:
        def is_current() -> bool:
            [(behind,)] = connection.execute(BEHIND).fetchall()
            return not behind

        if not wait_for(is_current, CATCH_UP_SECONDS_MAX):
            raise ServerStartError("the views do not catch up")


def add_environment(client: Client, **fields: Any) -> str:
    body = {"repositoryIdentifier": REPOSITORY, "category": "test", **fields}
    return str(client.call("POST", "/environments", body)["id"])


def lock_path(environment_id: str, rest: str = "") -> str:
    rest = f"/{rest}" if rest else ""
    return f"/environments/{environment_id}/lock{rest}?repositoryName=bench"


@contextmanager
def installation(
    servers: Servers,
    folder: Path,
    worker: Sequence[str] = WORKER,
    **settings: str,
) -> Iterator[Installation]:
    """On a database and a NATS of its own, which are dropped afterwards."""
    store = Path(tempfile.mkdtemp(prefix="nats-", dir=folder))
    with (
        fresh_database(servers.database_url) as url,
        EmbeddedNats(store, gives_way=True) as nats,  # As that of `berth up` does.
    ):
        migrated(url)
        with running(url, nats.url, folder, worker, **settings) as berth:
            yield berth


@contextmanager
def running(
    database_url: str,
    nats_url: str,
    folder: Path,
    worker: Sequence[str] = WORKER,
    **settings: str,
) -> Iterator[Installation]:
    """The processes of a Berth on a database that is ready for it.

    `worker`: the module that its worker is, and what that is told.
    """
    port = free_port()
    environment = {
        "BERTH_DATABASE_URL": database_url,
        "BERTH_NATS_URL": nats_url,
        "BERTH_SECRET": SECRET,
        "BERTH_VAULT_KEYS": VAULT_KEYS,
        "BERTH_PORT": str(port),
        "BERTH_SALESFORCE_CHECK": "off",  # Its orgs are made up.
        "BERTH_CREDENTIALS": "sfdxAuthUrl",
        **settings,
    }
    with ExitStack() as stack:
        api, worker_process = (
            stack.enter_context(python(folder, name, *module, **environment))
            for name, module in (("api", ("api", "api")), ("worker", worker))
        )
        assert api.pid
        assert worker_process.pid
        token = Signer(SECRET.encode()).issue("bench", Role.OWNER, timedelta(days=1))
        berth = Installation(
            database_url, nats_url, port, api.pid, worker_process.pid, token
        )
        with closing(berth.client()) as client:
            await_answer(api, client, "/health/ready")
        yield berth


def python(folder: Path, name: str, *arguments: str, **environment: str) -> Command:
    """A Python module as a process, its output in a file of `folder`."""
    command = Command(
        name, [sys.executable, "-m", *arguments], os.environ | environment
    )
    command.log = folder / f"{name}.log"
    return command


def await_answer(process: Command, client: Client, path: str) -> None:
    if not wait_for(partial(_answers, client, path), START_SECONDS_MAX):
        raise ServerStartError(f"{process.name} does not answer; see {process.log}")


def _answers(client: Client, path: str) -> bool:
    try:
        client.call("GET", path)
    except (OSError, RuntimeError):
        client.close()
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
