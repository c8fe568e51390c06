"""The schema is brought up to date while everybody goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest

from projections.storage.migrate import WAITING, migrate
from tests.support.running import until
from tests.support.servers import Servers, migrated_database

ONE = "0030_credential_lease.sql"
TAKE_BACK: LiteralString = "ALTER TABLE credential DROP COLUMN leased_until"
READ: LiteralString = "SELECT FROM credential"
WAITS = """
SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND mode = 'AccessExclusiveLock' AND NOT granted
"""
# Far more than anybody is to wait, and far less than whoever reads for long takes.
PATIENCE: LiteralString = "SET statement_timeout = '20s'"


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    """Of a database that lacks one migration."""
    with migrated_database(servers) as url:
        with psycopg.connect(url) as connection:
            connection.execute(TAKE_BACK)
            connection.execute("DELETE FROM migration WHERE name = %s", [ONE])
        yield url


def test_nobody_waits_behind_a_migration_that_waits_for_a_dump(url: str) -> None:
    said: list[str] = []
    with (
        psycopg.connect(url) as dump,
        psycopg.connect(url, autocommit=True) as berth,
        ThreadPoolExecutor() as threads,
    ):
        dump.execute(READ)
        migrating = threads.submit(migrate, url, said.append)
        try:
            until(lambda: bool(berth.execute(WAITS).rowcount))
            berth.execute(PATIENCE)
            berth.execute(READ)
            until(lambda: said == [WAITING])
            assert not migrating.done()
        finally:
            dump.rollback()
        assert migrating.result() == [ONE]
    assert said == [WAITING]
