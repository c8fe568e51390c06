"""The real PostgreSQL and NATS for the tests, and databases of a test's own.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from projections.storage.migrate import migrate
from tests.support.in_memory import folder_in_memory
from workers.embedded import EmbeddedNats, EmbeddedPostgres

OF_THE_TESTS = "of-the-tests"
MIGRATED = "migrated"
# How many wait for a lock in this database.
WAITING = """
SELECT count(*) FROM pg_locks
WHERE NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class UnsyncedPostgres(EmbeddedPostgres):
    """No test cuts the power: what was written need not wait for the disk."""

    settings: Mapping[str, str] = {
        **EmbeddedPostgres.settings,
        "fsync": "off",
        "full_page_writes": "off",
    }


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test run are."""

    database_url: str
    nats_url: str


@contextmanager
def embedded_servers(
    folder: Path, postgres: type[EmbeddedPostgres] = EmbeddedPostgres
) -> Iterator[Servers]:
    """Both servers with their data in `folder`, for the length of the `with` block."""
    with (
        postgres(folder / "postgres") as database,
        EmbeddedNats(folder / "nats") as nats,
    ):
        yield Servers(database.url, nats.url)


@contextmanager
def fresh_database(url: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on the server of `url`; it is dropped afterwards.

    `template`: a database to copy, one with the migrations applied, say. Nobody may be
    connected to it meanwhile.
    """
    name = f"test_{secrets.token_hex(6)}"
    identifiers = {"new": sql.Identifier(name), "old": sql.Identifier(template)}
    create = sql.SQL("CREATE DATABASE {new} TEMPLATE {old}").format(**identifiers)
    drop = sql.SQL("DROP DATABASE IF EXISTS {new} WITH (FORCE)").format(**identifiers)
    server = named_database(url, "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(create)
    try:
        yield named_database(url, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(drop)


def migrated_database(servers: Servers) -> AbstractContextManager[str]:
    """One with today's schema, of the servers of the tests."""
    return fresh_database(servers.database_url, template=MIGRATED)


def migrated(url: str) -> None:
    """Today's schema. To NATS, which all share, all databases are one installation."""
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE installation SET id = %s", [OF_THE_TESTS])


def named_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL and NATS, once for all tests."""
    with (
        folder_in_memory(tmp_path_factory.mktemp("servers")) as folder,
        embedded_servers(folder, UnsyncedPostgres) as both,
    ):
        with psycopg.connect(both.database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {MIGRATED}")
        migrated(named_database(both.database_url, MIGRATED))
        yield both
