"""The real PostgreSQL and NATS for the tests, and an empty database in 30 ms.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from projections.storage.migrate import migrate
from workers.embedded import EmbeddedNats, EmbeddedPostgres

OF_THE_TESTS = "of-the-tests"


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test run are."""

    database_url: str
    nats_url: str


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Both servers with their data in `folder`, for the length of the `with` block."""
    with (
        EmbeddedPostgres(folder / "postgres") as postgres,
        EmbeddedNats(folder / "nats") as nats,
    ):
        yield Servers(postgres.url, nats.url)


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
    with embedded_servers(tmp_path_factory.mktemp("servers")) as both:
        yield both


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """An empty database for one test."""
    with fresh_database(servers.database_url) as url:
        yield url
