"""`berth up`: everything on one machine, with secrets made up at the first start."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from errno import EACCES, EADDRINUSE
from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from api.commands.data_dir import DataDir
from api.commands.log_commands import ensured_keys
from api.commands.private_file import private_file, private_text
from api.commands.readiness import asked_at, is_ready
from api.commands.up_folder import NATS_URL
from api.commands.vault_file import ensured_vault_keys
from api.person_tokens import Signer
from domain.clock import utc_now
from domain.errors import Unauthenticated
from domain.roles import Role
from projections.storage.migrate import migrate
from workers import nats_servers
from workers.embedded import EmbeddedNats, EmbeddedPostgres, ServerStartError
from workers.listening import host_from
from workers.say import say
from workers.settings import database_url_from, from_environment, task_days_from
from workers.supervisor import Command, Supervisor

Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
OWNER_TOKEN_VALID_FOR = timedelta(days=365)
OWNER_TOKEN_RENEWED_BEFORE = timedelta(days=30)
# A hang, not a slow machine: what ends before it is ready is noticed at once.
READY_SECONDS_MAX = 180
STOP_SECONDS_MAX = 10.0  # beside what a worker's tasks may take


def up(*, data_dir: DataDir = Path(".berth"), port: Port = 8080) -> None:
    """Run everything on this machine: PostgreSQL, NATS, the API and a worker.

    Parameters
    ----------
    data_dir
        Where all data is kept. Made if it is not there.
    port
        Where the API listens, on 127.0.0.1 or on BERTH_HOST.
    """
    data_dir = data_dir.expanduser().resolve()
    nats_url: Path | None = None
    with Supervisor(data_dir) as supervisor:
        _check_is_free(host_from(), port)
        environment = {
            "BERTH_SECRET": _kept(data_dir / "secret", _new_secret),
            "BERTH_PORT": str(port),
        }
        if not os.environ.get("BERTH_DATABASE_URL"):
            postgres = supervisor.keep(
                EmbeddedPostgres(data_dir / "postgres", locks=sum(task_days_from()))
            )
            environment["BERTH_DATABASE_URL"] = postgres.url
        if not os.environ.get("BERTH_NATS_URL"):
            nats = supervisor.keep(EmbeddedNats(data_dir / "nats", gives_way=True))
            environment["BERTH_NATS_URL"] = nats.url
            # It is reached on this machine alone, and without TLS.
            environment |= dict.fromkeys(nats_servers.FILES, "")
            nats_url = data_dir / NATS_URL
            _write(nats_url, nats.url)
        database_url = database_url_from(os.environ | environment)
        with supervisor.interrupting():
            migrate(database_url, say)
            environment["BERTH_VAULT_KEYS"] = ensured_vault_keys(data_dir, database_url)
        both = os.environ | environment
        settings = from_environment(both)
        log_key = ensured_keys(settings.database_url, settings.vault_keys)[0].vkey
        for name, grace_seconds in (
            ("api", 0.0),
            ("worker", settings.tasks_end_within_seconds),
        ):
            command = [sys.executable, "-m", "api", name]
            supervisor.keep(
                Command(
                    name,
                    command,
                    environment,
                    grace_seconds=grace_seconds + STOP_SECONDS_MAX,
                )
            )
        token = _owner_token(data_dir, both["BERTH_SECRET"])
        supervisor.wait_until(lambda: is_ready(port), READY_SECONDS_MAX)
        host = asked_at()
        shown = f"[{host}]" if ":" in host else host
        _say(f"http://{shown}:{port}", data_dir, token, nats_url, log_key)
        supervisor.watch()


def _say(
    url: str, data_dir: Path, token: Path, nats_url: Path | None, log_key: str
) -> None:
    """The URL of NATS has a token in it, which is not for every eye.

    Whether or not it can be written: what runs is not to end for that.
    """
    nats = f"URL of NATS:    {nats_url}\n" if nats_url else ""
    told = (
        f"Berth is ready: {url}\n"
        f"Data:           {data_dir}\n"
        f"Owner's token:  {token}\n"
        f"{nats}"
        f"API documents:  {url}/sfp/apidocs\n"
        f"Log's key:      {log_key}\n"
        "\n"
        "Try it from another terminal:\n"
        f'  curl -H "Authorization: Bearer $(cat {quote(str(token))})"'
        f" {url}/sfp/api/environments\n"
        "\n"
        "Ctrl-C stops it.\n"
    )
    if sys.stdout is not None:
        with suppress(OSError):
            # At once, and with whatever bytes the folder's name may have.
            os.write(sys.stdout.fileno(), os.fsencode(told))


def _owner_token(data_dir: Path, secret: str) -> Path:
    """The file with the owner's token, which is issued anew when it gets old."""
    path, signer = data_dir / "owner-token", Signer(secret.encode())
    try:
        person = signer.verify(path.read_text().strip())
        is_good = person.expires_at - utc_now() > OWNER_TOKEN_RENEWED_BEFORE
    except (OSError, Unauthenticated):
        is_good = False
    if not is_good:
        _write(path, signer.issue("owner", Role.OWNER, OWNER_TOKEN_VALID_FOR))
    return path


def _kept(path: Path, new: Callable[[], str]) -> str:
    """The secret kept in a file; made up, and on disk, before it is first used."""
    try:
        return private_text(path)
    except FileNotFoundError:
        value = new()
        _write(path, value)
        return value


def _write(path: Path, text: str) -> None:
    with private_file(path) as file:
        file.write(f"{text}\n".encode())


def _new_secret() -> str:
    return secrets.token_urlsafe(48)


def _check_is_free(host: str, port: int) -> None:
    """`ServerStartError` if the API could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            # Else the connections of an API that has just ended would be in its way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        which = "--port" if error.errno in {EADDRINUSE, EACCES} else "BERTH_HOST"
        raise ServerStartError(
            f"cannot listen on {host}:{port}: {error.strerror}; {which} takes another"
        ) from None
