"""The pool after the database has lost its connections."""

from __future__ import annotations

from contextlib import ExitStack, closing

import psycopg
import pytest
from eventsourcing.persistence import PersistenceError

from projections.storage.database import Database
from tests.projections.journal_contract import END_OTHERS
from tests.support.running import until

TOGETHER = 3


def use_all(database: Database) -> None:
    """As many connections as the pool has, all at the same time."""
    with ExitStack() as stack:
        for _ in range(TOGETHER):
            connection = stack.enter_context(database.get_connection())
            connection.execute("SELECT 1")


def test_who_finds_that_one_is_lost_is_the_last_who_does(journal_url: str) -> None:
    def lost() -> int:
        return database.pool.get_stats().get("connections_lost", 0)

    with closing(Database(journal_url, pool_max=TOGETHER)) as database:
        use_all(database)
        with psycopg.connect(journal_url, autocommit=True) as other:
            other.execute(END_OTHERS)
        with pytest.raises(PersistenceError), database.cursor() as cursor:
            cursor.execute("SELECT 1")
        until(lambda: lost() == TOGETHER - 1)  # The others.
        use_all(database)
