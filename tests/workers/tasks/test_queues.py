"""A queue that nobody takes from is bounded, and in nobody else's way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import uvloop

from domain.decider import Step
from domain.errors import JournalUnavailable
from domain.task.commands import StartAttempt, SubmitTask
from domain.task.events import LOCAL, Order, Priority, TaskStalled
from domain.task.lifecycle import lifecycle
from domain.task.lifecycle import stream_of as task_stream
from tests.support.dispatching import CI, Hall, hall, until
from tests.support.memory import Hands
from tests.workers.test_lock_expiry import Silent
from workers.embedded import EmbeddedNats
from workers.tasks.broker import BrokerUnavailable
from workers.tasks.queues import Published, Ready, stream_of
from workers.tasks.sweep import SWEEP, TaskSweep

AWAY = "away"
STREAM = stream_of(Priority.LOW)


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server.url


@pytest.fixture(autouse=True)
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.tasks.room.QUEUED_MAX", 3)
    monkeypatch.setattr("workers.tasks.room.ASK_EVERY_SECONDS", 0)
    monkeypatch.setattr("workers.tasks.room.ASK_WHEN_FULL_EVERY_SECONDS", 0)


async def queued(here: Hall, queue: str) -> int:
    found = await here.dispatch.broker.jetstream.consumer_info(STREAM, queue)
    return (found.num_pending or 0) + (found.num_ack_pending or 0)


async def counted(here: Hall, count: int) -> None:
    """JetStream acknowledges first, and counts what waits a moment later."""

    async def is_so() -> bool:
        return await queued(here, AWAY) == count

    await until(is_so)


async def taken(here: Hall, queue: str) -> None:
    before = await queued(here, queue)
    client = here.dispatch.broker.client
    ask = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{queue}"
    message = await client.request(ask, b"1", timeout=5, old_style=True)
    await message.ack_sync()
    await counted(here, before - 1)


def ready(queue: str, *names: str) -> Sequence[Ready]:
    return [Ready(name, Priority.LOW, queue) for name in names]


def test_a_full_queue_is_the_end_of_no_other(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url, queues=[AWAY]) as here:
            publish = here.dispatch.queues.publish
            first, more = ready(AWAY, "1", "2", "3"), ready(AWAY, "4", "5")
            assert await publish(first) == Published(3, [])
            await counted(here, 3)
            both = await publish([*more, *ready(LOCAL, "6")])
            assert both == Published(1, more)
            await counted(here, 3)
            assert (await queued(here, AWAY), await queued(here, LOCAL)) == (3, 1)
            await taken(here, AWAY)
            assert await publish(more[:1]) == Published(1, [])
            await counted(here, 3)
            assert await publish(more[1:]) == Published(0, more[1:])

    uvloop.run(scene())


def test_what_had_no_room_is_published_as_soon_as_there_is_some(
    own_journal_url: str, nats_url: str
) -> None:
    tasks = ready(AWAY, "4")

    async def ready_tasks() -> Sequence[Ready]:
        return tasks

    async def due_tasks() -> Sequence[str]:
        return []

    async def scene() -> None:
        async with hall(own_journal_url, nats_url, queues=[AWAY]) as here:
            queues = here.dispatch.queues
            sweep = TaskSweep(ready_tasks, due_tasks, here.journal, queues)
            await queues.publish(ready(AWAY, "1", "2", "3"))
            await counted(here, 3)
            assert await sweep.run_once() == 0
            await taken(here, AWAY)
            assert await sweep.run_once() == 1
            await counted(here, 3)
            assert await sweep.run_once() == 0

    uvloop.run(scene())


def test_what_is_known_to_be_there_is_not_published_again_for_others_that_are_not(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a long queue, of which not all is answered in time, is never done with."""
    monkeypatch.setattr("workers.tasks.sweep.AT_ONCE_MAX", 2)
    tasks = ready(AWAY, "1", "2", "no subject")

    async def ready_tasks() -> Sequence[Ready]:
        return tasks

    async def due_tasks() -> Sequence[str]:
        return []

    async def scene() -> None:
        async with hall(own_journal_url, nats_url, queues=[AWAY]) as here:
            queues = here.dispatch.queues
            sweep = TaskSweep(ready_tasks, due_tasks, here.journal, queues)
            with pytest.raises(BrokerUnavailable):
                await sweep.run_once()
            assert queues.sent.keys() == {*tasks[:2]}

    uvloop.run(scene())


def test_a_task_of_which_nothing_can_be_told_keeps_no_other_waiting(
    own_journal_url: str, nats_url: str, clock: Hands
) -> None:
    async def ready_tasks() -> Sequence[Ready]:
        return ready(AWAY, "1")

    async def due_tasks() -> Sequence[str]:
        return ["silent", "stalled"]

    async def scene() -> None:
        journal = Silent(clock)
        for name in await due_tasks():
            submit = SubmitTask(by=CI, order=Order("noop", {}))
            start = StartAttempt(by=SWEEP, worker="w", lease_id="l", queue=LOCAL)
            for command in (submit, start):
                await journal.execute(Step(lifecycle, task_stream(name), command))
        clock.turn(seconds=3_600)
        journal.silent_about = task_stream("silent")
        async with hall(own_journal_url, nats_url, queues=[AWAY]) as here:
            queues = here.dispatch.queues
            sweep = TaskSweep(ready_tasks, due_tasks, journal, queues)
            with pytest.raises(JournalUnavailable):
                await sweep.run_once()
            await counted(here, 1)
        last = journal.records[-1]
        assert isinstance(last.event, TaskStalled)
        assert last.originator_id == task_stream("stalled")

    uvloop.run(scene())


def test_what_the_server_has_no_room_for_is_not_taken_to_be_there(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            await here.dispatch.queues.ownership.check()  # Which would undo this:
            context = here.dispatch.broker.jetstream
            config = (await context.stream_info(STREAM)).config
            config.max_msgs = 2
            await context.update_stream(config)
            tasks = [Ready(f"{n}", Priority.LOW, LOCAL) for n in range(3)]
            queues = here.dispatch.queues
            publish = queues.publish
            assert (await publish(tasks[:2])) == Published(2, [])
            assert (await publish(tasks)) == Published(0, tasks[2:])
            assert queues.sent.keys() == {*tasks[:2]}, "the sweep tries the third"

    uvloop.run(scene())
