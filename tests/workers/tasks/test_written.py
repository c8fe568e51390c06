"""What a task writes can be read while it runs, in pieces that hold no secret."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
import uvloop

from domain.errors import JournalUnavailable
from domain.task.task import TaskState
from projections.storage.database import Database
from projections.storage.task_log import ATTEMPT_BYTES_MAX, TaskLog
from tests.support.dispatching import hall, until
from tests.support.servers import WAITING, Servers
from workers.running.assignment import Assignment, Listener
from workers.running.captured import Captured
from workers.running.masks import Masks
from workers.tasks.written import Written

PIECES = "SELECT content FROM task_log ORDER BY written"


@pytest.fixture
def task_log(own_journal_url: str) -> Iterator[TaskLog]:
    with closing(Database(own_journal_url, pool_max=2)) as database:
        yield TaskLog(database)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.tasks.written.KEEP_EVERY_SECONDS", 0.05)


def pieces(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [content for (content,) in connection.execute(PIECES)]


def test_it_can_be_read_while_it_runs_and_all_of_it_afterwards(
    own_journal_url: str, servers: Servers, task_log: TaskLog
) -> None:
    goes_on = asyncio.Event()

    async def writes(_: Assignment, listener: Listener) -> None:
        await listener.logged(["begun", "half"])
        await goes_on.wait()
        await listener.logged(["done"])

    async def scene() -> None:
        async with (
            hall(own_journal_url, servers.nats_url) as here,
            here.worker({"writes": writes}) as worker,
        ):
            worker.task_log = task_log
            name = await here.submit("writes")

            async def is_shown() -> bool:
                return [*await task_log.read(name)] == [(1, "begun\nhalf\n")]

            await until(is_shown)
            assert (await here.look(name)).state is TaskState.RUNNING
            goes_on.set()
            await here.comes_to(name, TaskState.COMPLETED)
        assert pieces(own_journal_url) == ["begun\nhalf\n", "done\n"]

    uvloop.run(scene())


def test_a_secret_that_comes_in_two_pieces_shows_in_neither(
    own_journal_url: str, task_log: TaskLog
) -> None:
    masks = Masks()
    masks.learn("a-very-secret")
    captured = Captured(masks)

    async def scene() -> None:
        written = Written(task_log, "a", 1)
        keeping = asyncio.create_task(written.keep_up())

        async def has(text: str) -> bool:
            return text in "".join(await asyncio.to_thread(pieces, own_journal_url))

        written.add(captured.feed(b"one\na-very-"))
        await until(lambda: has("one\n"))
        written.add(captured.feed(b"secret two\nthe a-ve"))
        await until(lambda: has("two\n"))
        written.add(captured.close())
        await written.keep_rest()
        keeping.cancel()

    asyncio.run(scene())
    assert pieces(own_journal_url) == ["one\n", "*** two\n", "the a-ve\n"]


def test_what_is_sent_at_once_counts_in_full(
    own_journal_url: str, task_log: TaskLog
) -> None:
    """A worker elsewhere need not wait for one answer before it sends more."""

    async def scene() -> None:
        await task_log.append("a", 1, "1")
        async with await psycopg.AsyncConnection.connect(own_journal_url) as holding:
            await holding.execute("LOCK TABLE task_log IN SHARE ROW EXCLUSIVE MODE")
            some = "x" * (ATTEMPT_BYTES_MAX - 1)
            sent = [asyncio.create_task(task_log.append("a", 1, some)) for _ in "12"]

            async def both_wait() -> bool:
                found = await holding.execute(WAITING)
                return await found.fetchone() == (len(sent),)

            await until(both_wait)
        assert await asyncio.gather(*sent) == [False, False]

    asyncio.run(scene())
    assert sum(map(len, pieces(own_journal_url))) == ATTEMPT_BYTES_MAX


class Away:
    """A database that is away, and comes back."""

    def __init__(self, task_log: TaskLog, times: int) -> None:
        self.task_log = task_log
        self.times = times

    async def append(self, operation_id: str, attempt: int, content: str) -> bool:
        self.times -= 1
        if self.times >= 0:
            raise JournalUnavailable("away")
        return await self.task_log.append(operation_id, attempt, content)


def test_what_could_not_be_kept_is_kept_later(
    own_journal_url: str, task_log: TaskLog
) -> None:
    async def scene() -> None:
        away = Away(task_log, times=2)
        written = Written(away, "a", 1)
        keeping = asyncio.create_task(written.keep_up())
        written.add(["one"])

        async def is_back() -> bool:
            return away.times < 0

        await until(is_back)
        written.add(["two"])
        await written.keep_rest()
        keeping.cancel()

    asyncio.run(scene())
    assert pieces(own_journal_url) == ["one\n", "two\n"]
