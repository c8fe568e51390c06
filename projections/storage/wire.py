"""One connection that the event loop itself talks to PostgreSQL through.

An append is short, and psycopg's cursors cost more of it than PostgreSQL does: here
statements are prepared once, and go to libpq in a pipeline, one round trip for several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult

SILENT_SECONDS_MAX = 12  # Longer than waiting for a lock and a statement may take.


class Ask(NamedTuple):
    """A prepared statement, and its values as PostgreSQL's binary format has them."""

    statement: str
    values: Sequence[Buffer] = ()


class Wire:
    """One round trip at a time. After an error it is of no more use: close it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._socket = self._pg.socket
        self._loop = asyncio.get_running_loop()
        self._results: list[PGresult] = []
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._asked_at = 0.0
        self._is_full = False
        self._is_closed = False
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    async def prepare(self, statements: Mapping[str, LiteralString]) -> None:
        """Make the server know `statements` by their names."""
        for name, statement in statements.items():
            self._pg.send_prepare(name.encode(), statement.encode())
        await self._round_trip()

    @property
    def is_open(self) -> bool:
        return self._pg.status == ConnStatus.OK

    async def ask(self, *asks: Ask) -> list[PGresult]:
        """Run all of them in one round trip; after the first error, none of the rest.

        `psycopg.Error` says what the server refused, or that it is gone.
        """
        for statement, values in asks:
            self._pg.send_query_prepared(
                statement.encode(), values, [Format.BINARY] * len(values), Format.BINARY
            )
        return await self._round_trip()

    def close(self) -> None:
        """Whatever was not committed is undone by the server."""
        if self._is_closed:
            return  # By now the number of its socket may be another's.
        self._is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pg.finish()

    def lose_if_silent(self) -> None:
        """Whoever does not answer for longer than any statement may take is gone."""
        silent_seconds = monotonic() - self._asked_at
        if self._answer is not None and silent_seconds > SILENT_SECONDS_MAX:
            self._lose(psycopg.OperationalError("the database has fallen silent"))

    async def _round_trip(self) -> list[PGresult]:
        self._pg.pipeline_sync()
        self._results = []
        self._asked_at = monotonic()
        self._answer = self._loop.create_future()
        self._write()
        return await self._answer

    def _write(self) -> None:
        try:
            was_full, self._is_full = self._is_full, bool(self._pg.flush())
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if self._is_full and not was_full:  # The rest as soon as there is room.
            self._loop.add_writer(self._socket, self._write)
        elif was_full and not self._is_full:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            self._pg.consume_input()
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        while self._answer is not None and not self._pg.is_busy():
            result = self._pg.get_result()
            if result is None:
                continue  # The end of one statement's results.
            if result.status == ExecStatus.PIPELINE_SYNC:
                self._settle()
                return
            self._results.append(result)
        self._listen_again()

    def _listen_again(self) -> None:
        """There is more to come, be it the end.

        A server that dies while it is asked leaves an error on the socket. That makes
        libuv call once and then stop looking: the end that follows a last word would
        never be seen.
        """
        self._loop.remove_reader(self._socket)
        self._loop.add_reader(self._socket, self._read)

    def _settle(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        for result in self._results:
            if result.status == ExecStatus.FATAL_ERROR:
                answer.set_exception(_error_of(result))
                return
        answer.set_result(self._results)

    def _lose(self, error: psycopg.OperationalError) -> None:
        self.close()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)


def _error_of(result: PGresult) -> psycopg.Error:
    state = result.error_field(DiagnosticField.SQLSTATE) or b""
    message = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"unknown error"
    try:
        kind = psycopg.errors.lookup(state.decode())
    except KeyError:
        kind = psycopg.DatabaseError
    return kind(message.decode(errors="replace"))
