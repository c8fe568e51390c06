"""Whatever is killed, every task comes to its one end."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import uvloop

from domain.task.events import Retry, TaskCompleted
from domain.task.lifecycle import operation_of
from domain.task.task import TaskState
from tests.support.dispatching import Hall, goes_on, hall
from workers.embedded import EmbeddedNats
from workers.running.assignment import Assignment, Listener

TASKS = 60


async def ends_at_once(_: Assignment, __: Listener) -> None:
    pass


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """A server of the test's own, to be ill-treated."""
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server


def kill(server: EmbeddedNats, *, with_its_data: bool) -> None:
    """As though the machine had died; its configuration survives, as it would."""
    server.kill()
    if with_its_data:
        shutil.rmtree(server.folder / "jetstream", ignore_errors=True)


@pytest.mark.parametrize("with_its_data", [False, True])
def test_what_nats_loses_is_published_again(
    own_journal_url: str, nats: EmbeddedNats, *, with_its_data: bool
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats.url, sweeps=True) as here:
            names = [await here.submit() for _ in range(TASKS)]
            await here.all_queued()
            async with here.worker(slots=1):
                await here.comes_to(names[0], TaskState.COMPLETED)
                await asyncio.to_thread(kill, nats, with_its_data=with_its_data)
                # The database goes on, and so do those who submit.
                names += [await here.submit() for _ in range(TASKS)]
                await asyncio.to_thread(nats.start)
                for name in names:
                    await here.comes_to(name, TaskState.COMPLETED)
        check_each_ended_once(here, names)

    uvloop.run(scene())


def test_a_task_is_in_its_queue_once_however_often_it_is_published(
    own_journal_url: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats.url) as here:
            names = [await here.submit() for _ in range(5)]
            await here.all_queued()
            assert await here.sweep().run_once() == 0
            assert await here.queued() == len(names)

    uvloop.run(scene())


def test_what_was_delivered_and_not_begun_is_delivered_again(
    own_journal_url: str, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.tasks.queues.ACK_SECONDS", 1)

    async def scene() -> None:
        async with hall(own_journal_url, nats.url) as here:
            name = await here.submit()
            await here.all_queued()
            assert await here.taken_by_nobody() == name
            async with here.worker():
                await here.comes_to(name, TaskState.COMPLETED)
        assert here.starts() == [name]

    uvloop.run(scene())


def test_a_worker_that_died_is_followed_by_another_once_its_lease_is_over(
    own_journal_url: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats.url, sweeps=True) as here:
            async with here.worker({"lasts": goes_on}, name="dead") as worker:
                name = await here.submit(
                    "lasts", lock_duration_ms=1_500, retry=Retry(max_stalled_count=1)
                )
                await here.comes_to(name, TaskState.RUNNING)
                for work in worker._works:
                    work.cancel()
            assert (await here.look(name)).state is TaskState.RUNNING
            async with here.worker({"lasts": ends_at_once}, name="living"):
                task = await here.comes_to(name, TaskState.COMPLETED)
            assert (task.attempt, task.stalls) == (2, 1)

    uvloop.run(scene())


def check_each_ended_once(here: Hall, names: Sequence[str]) -> None:
    ends = Counter(
        operation_of(record.originator_id)
        for record in here.records()
        if isinstance(record.event, TaskCompleted)
    )
    assert ends == Counter(names)
    assert sorted(here.starts()) == sorted(names)
