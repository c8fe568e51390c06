"""Connections to PostgreSQL, and how long anything may take on one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from eventsourcing.persistence import PersistenceError
from eventsourcing.postgres import PostgresDatastore
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool.base import AttemptWithBackoff

from domain.errors import JournalUnavailable

if TYPE_CHECKING:
    from projections.storage.subjects import Subjects

CONNECT_TIMEOUT_SECONDS = 4
LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_MS = 2_000
LOCK_TIMEOUT: LiteralString = (
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'lock_timeout'"
)
# Behind one that gives each transaction another session, statements that were prepared
# get each other's parameters, and locks of a session are two processes' at once.
POOLED = (
    "a pooler is in between that drops the settings of a connection, such as PgBouncer:"
    " connect to PostgreSQL itself"
)

# A pool that lost the database tries again after 1 s, then 2, 4, 8, ...: so late must
# nobody be once it is back.
AttemptWithBackoff.INITIAL_DELAY = 0.2
AttemptWithBackoff.DELAY_BACKOFF = 1.0


class Database(PostgresDatastore):
    """The library's datastore, opened by a libpq URL.

    A process that freezes inside a transaction loses it after
    `IDLE_IN_TRANSACTION_MS`, so it stalls the others for less than 5 s.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_max: int = 1,
        name: str = "berth",
        patient: bool = False,
        durable: bool = True,
        idle_ms: int = IDLE_IN_TRANSACTION_MS,
        subjects: Subjects | None = None,
    ) -> None:
        """`patient` is for work in the background, which may take its time.

        A transaction that pauses for `idle_ms` is lost; more is for those that keep
        nobody else waiting.

        Not `durable` is for what can be made again from the journal: a commit does not
        wait for the disk, and a crash loses the latest ones, never a part of one.

        `subjects` are needed to read or append events that speak of people.
        """
        self.subjects = subjects
        self._params = _params_of(
            url, name=name, patient=patient, durable=durable, idle_ms=idle_ms
        )
        super().__init__(
            dbname="",
            host="",
            port="",
            user="",
            password="",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            idle_in_transaction_session_timeout=idle_ms / 1000,
            pool_size=1,
            max_overflow=pool_max - 1,
            originator_id_type="text",
        )
        # The library names five parameters; the pool takes all that a URL may have.
        self.pool.kwargs = {**self._params, "row_factory": dict_row}

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """One of the pool's. Once one is lost, the others are looked at, too.

        Else each of them would fail somebody after the database has come back.
        """
        connection = None
        try:
            with super().get_connection() as connection:
                yield connection
        except PersistenceError:
            if connection is not None and connection.closed:
                Thread(target=self.pool.check, daemon=True).start()
            raise

    def connect(self) -> Connection[DictRow]:
        """A connection beside the pool, which commits when it is told to.

        `JournalUnavailable` if what it asks for does not reach PostgreSQL.
        """
        connection = psycopg.connect(
            **self._params, autocommit=True, row_factory=dict_row
        )
        [row] = connection.execute(LOCK_TIMEOUT)
        if row["ms"] != LOCK_TIMEOUT_MS:
            connection.close()
            raise JournalUnavailable(POOLED)
        return connection

    async def connect_async(self) -> AsyncConnection:
        """The same, for the event loop."""
        return await AsyncConnection.connect(**self._params, autocommit=True)


def _params_of(
    url: str, *, name: str, patient: bool, durable: bool, idle_ms: int
) -> dict[str, Any]:
    given = {k: v for k, v in conninfo_to_dict(url).items() if v is not None}
    options = {
        "timezone": "UTC",
        "lock_timeout": LOCK_TIMEOUT_MS,
        "synchronous_commit": "on" if durable else "off",
        "statement_timeout": 0 if patient else STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": idle_ms,
    }
    flags = " ".join(f"-c {key}={value}" for key, value in options.items())
    return {
        "application_name": name,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
        **given,
        "options": f"{given.get('options', '')} {flags}".strip(),
    }
