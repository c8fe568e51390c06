"""What PostgreSQL itself can do on this machine, asked in the plainest way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, LiteralString

import psycopg

from domain.ids import new_id
from projections.storage.migrate import migrate
from tests.support.servers import Servers, fresh_database

GROUP = 64
STATE = b'{"id":"0","event":{"type":"lock.acquired"},"origin":{}}'.ljust(400)

INSERT: LiteralString = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
VALUES (%s, %s, 'lock.acquired', %s, %s)
"""
SELECT: LiteralString = """
SELECT originator_id, originator_version, topic, state, notification_id
FROM berth_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""


@contextmanager
def one_writer(servers: Servers) -> Iterator[Writer]:
    """On a journal's table of its own, which is dropped afterwards."""
    with fresh_database(servers.database_url) as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            yield Writer(connection)


class Writer:
    """Inserts events for nobody: no lock, no rule, nothing read."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._stream = new_id()
        self._written = 0

    def commits_per_second(self, seconds: float) -> float:
        """A transaction for each event."""
        return self._rate(seconds, 1)

    def events_per_second(self, seconds: float) -> float:
        """`GROUP` events a transaction."""
        return self._rate(seconds, GROUP)

    def _rate(self, seconds: float, group: int) -> float:
        before, began = self._written, monotonic()
        while monotonic() < began + seconds:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(INSERT, [self._next() for _ in range(group)])
        return (self._written - before) / (monotonic() - began)

    def _next(self) -> tuple[str, int, bytes, int]:
        self._written += 1
        return self._stream, self._written, STATE, self._written


@contextmanager
def notifying(servers: Servers) -> Iterator[Notifying]:
    url = servers.database_url
    with (
        psycopg.connect(url, autocommit=True) as sender,
        psycopg.connect(url, autocommit=True) as listener,
    ):
        listener.execute("LISTEN bench")
        yield Notifying(sender, listener)


class Notifying:
    """One connection notifies, another one listens."""

    def __init__(
        self, sender: psycopg.Connection[Any], listener: psycopg.Connection[Any]
    ) -> None:
        self._sender = sender
        self._listener = listener

    def round_trip_ms(self) -> float:
        """From the NOTIFY to its arrival at the listener."""
        began = monotonic()
        self._sender.execute("NOTIFY bench")
        next(self._listener.notifies(stop_after=1))
        return (monotonic() - began) * 1_000


def read_events(connection: psycopg.Connection[Any], after: int, limit: int) -> int:
    """Select the events that follow `after`; the last position, or `after`."""
    rows = connection.execute(SELECT, (after, limit), prepare=True).fetchall()
    return int(rows[-1][4]) if rows else after
