"""A PostgreSQL from its wheel that keeps an answer, to start and stop and kill.

Fixtures: name this module in `pytest_plugins` of the topmost conftest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from workers.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PostgreSQL folder that has run once, to copy."""
    folder = tmp_path_factory.mktemp("initialised") / "postgres"
    with EmbeddedPostgres(folder) as postgres:
        ask(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    return folder


@pytest.fixture
def postgres(initialised: Path, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A stopped PostgreSQL with a table `kept`, in a copy that root may have made."""
    server = EmbeddedPostgres(shutil.copytree(initialised, tmp_path / "postgres"))
    yield server
    server.stop()


def ask(url: str, question: str = "SELECT answer FROM kept") -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]
