"""What sessions of the database are doing just now: where a fault hurts the most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg

# Whether a process holds the journal, and the database waits for its next word.
APPENDING = """
SELECT EXISTS (
    SELECT FROM pg_locks AS held JOIN pg_stat_activity AS session USING (pid)
    WHERE session.application_name = %s AND session.state = 'idle in transaction'
        AND held.relation = 'berth_events'::regclass
        AND held.mode = 'ExclusiveLock' AND held.granted
)
"""
# No lock is asked about: a session that was stopped may keep that table to itself.
COMMITTING = """
SELECT pid FROM pg_stat_activity
WHERE application_name = ANY (%s) AND state = 'active' AND query = 'COMMIT'
"""


class Aim:
    """A session beside the others."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def is_appending(self, process: str) -> bool:
        [(is_so,)] = self._connection.execute(APPENDING, [process]).fetchall()
        return bool(is_so)

    def committing(self, processes: Iterable[str]) -> set[int]:
        """The sessions of these processes that make something durable."""
        rows = self._connection.execute(COMMITTING, [list(processes)])
        return {pid for (pid,) in rows}


@contextmanager
def aiming(url: str) -> Iterator[Aim]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield Aim(connection)
