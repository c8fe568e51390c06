"""Ways to break a database while a journal is at work on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from domain.decider import Outcome
from tests.projections.journal_contract import StoredRig, begin, parked
from tests.support.builders import acquire, request, to

LONG_SECONDS = 20
Commit = Callable[..., Awaitable[Any]]


def kill_sessions(url: str) -> None:
    """As an administrator, a crash or a failover does."""
    statement = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    with psycopg.connect(url) as connection:
        assert connection.execute(statement).fetchall()


@contextmanager
def commits_that_fail(rig: StoredRig, *, after_all: bool) -> Iterator[None]:
    """The connection breaks at the commit: before it took effect, or just after."""

    def failing(end: Commit) -> Commit:
        async def fail(*values: Any) -> None:
            if after_all:
                await end(*values)
            raise psycopg.OperationalError("gone")

        return fail

    with ends_replaced(rig, failing):
        yield


@contextmanager
def commits_that_take(rig: StoredRig) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """The first one says that a commit is about to be made; it is after the second."""
    committing, go_on = asyncio.Event(), asyncio.Event()

    def slow(end: Commit) -> Commit:
        async def slowly(*values: Any) -> Any:
            committing.set()
            await go_on.wait()
            return await end(*values)

        return slowly

    with ends_replaced(rig, slow):
        yield committing, go_on
        go_on.set()


@contextmanager
def ends_replaced(
    rig: StoredRig, replaced: Callable[[Commit], Commit]
) -> Iterator[None]:
    """Both ways in which an append ends."""
    recorder = rig.appender._recorder
    with pytest.MonkeyPatch.context() as patch:
        for name in ("end", "append_if"):
            patch.setattr(recorder, name, replaced(getattr(recorder, name)))
        yield


async def one_waits(rig: StoredRig) -> asyncio.Task[Outcome]:
    """`a` holds, `b` waits for it."""
    await begin(rig, "e")
    await rig.journal.execute(to("e", request("a")), to("e", request("b")))
    waiting = asyncio.create_task(
        rig.journal.execute(to("e", acquire("b")), wait_seconds=LONG_SECONDS)
    )
    await parked(rig, 1)
    return waiting
