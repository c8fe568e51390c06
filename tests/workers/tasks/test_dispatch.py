"""A task that is submitted is run: by one worker, once for each attempt."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import uvloop

from domain.decider import Step
from domain.event import system
from domain.task.commands import CancelTask
from domain.task.events import (
    Backoff,
    FailureReason,
    Priority,
    Retry,
    TaskAttemptFailed,
    TaskFailed,
    TaskLeaseExtended,
    TaskProgressed,
    TaskStarted,
)
from domain.task.lifecycle import lifecycle, operation_of, stream_of
from domain.task.task import TaskState
from tests.support.dispatching import CI, Hall, Handler, goes_on, hall, until
from tests.support.servers import Servers
from workers.running.assignment import Assignment, Listener

TASKS = 300


@pytest.fixture
def nats_url(servers: Servers) -> str:
    return servers.nats_url


async def fails(_: Assignment, __: Listener) -> None:
    raise ValueError("as it must")


async def reports(_: Assignment, listener: Listener) -> Mapping[str, Any]:
    for percent in range(100):
        await listener.progressed(percent, f"at {percent}")
    return {"counted": 100}


HANDLERS: Mapping[str, Handler] = {
    "fails": fails,
    "goes-on": goes_on,
    "reports": reports,
}


async def cancel(here: Hall, operation_id: str) -> None:
    command = CancelTask(by=CI)
    await here.journal.execute(Step(lifecycle, stream_of(operation_id), command))


def test_what_is_submitted_in_one_process_is_done_in_another(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url) as api,
            hall(own_journal_url, nats_url) as here,
            here.worker(HANDLERS),
        ):
            done = await api.submit("reports")
            await api.comes_to(done, TaskState.COMPLETED)
            facts = [record.event for record in api.records()]
            told = [e.percent for e in facts if isinstance(e, TaskProgressed)]
            assert told[0] == 0
            assert told[-1] == 99
            assert len(told) < 10, "at most once a second, and what came last"

    uvloop.run(scene())


def test_two_workers_that_race_for_tasks_start_each_of_them_once(
    own_journal_url: str, nats_url: str
) -> None:
    ran: Counter[str] = Counter()

    async def count(assignment: Assignment, _: Listener) -> None:
        ran[assignment.operation_id] += 1

    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url) as one,
            hall(own_journal_url, nats_url) as other,
        ):
            names = await asyncio.gather(*(one.submit("count") for _ in range(TASKS)))
            async with one.worker({"count": count}), other.worker({"count": count}):
                for name in names:
                    await other.comes_to(name, TaskState.COMPLETED)
            assert ran == Counter(names)
            assert sorted(one.starts()) == sorted(names)

    uvloop.run(scene())


def test_low_gets_its_turn_however_much_is_critical(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            critical = [
                await here.submit(priority=Priority.CRITICAL) for _ in range(150)
            ]
            low = [await here.submit(priority=Priority.LOW) for _ in range(5)]
            await here.all_queued()
            async with here.worker(slots=1):
                for name in [*critical, *low]:
                    await here.comes_to(name, TaskState.COMPLETED)
            starts = here.starts()
            places = [starts.index(name) for name in low]
            assert places[-1] < len(critical) / 2
            assert starts[0] in critical

    uvloop.run(scene())


def test_what_fails_is_tried_again_as_often_as_was_asked_for(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url, sweeps=True) as here:
            retry = Retry(attempts=3, backoff=Backoff(delay_ms=200))
            async with here.worker(HANDLERS):
                name = await here.submit("fails", retry=retry)
                await here.comes_to(name, TaskState.FAILED)
            failures = [
                record.event
                for record in here.records()
                if isinstance(record.event, TaskAttemptFailed | TaskFailed)
            ]
            assert [failure.attempt for failure in failures] == [1, 2, 3]
            assert {failure.reason for failure in failures} == {FailureReason.ERROR}
            assert {failure.message for failure in failures} == {"as it must"}

    uvloop.run(scene())


def test_a_cancellation_reaches_what_runs_in_another_process(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url) as api,
            hall(own_journal_url, nats_url) as here,
            here.worker(HANDLERS),
        ):
            name = await api.submit("goes-on")
            await api.comes_to(name, TaskState.RUNNING)
            await cancel(api, name)
            task = await api.comes_to(name, TaskState.CANCELLED)
            assert task.cancelled_by == CI.id

    uvloop.run(scene())


def test_a_lease_is_extended_for_as_long_as_the_task_runs(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url, sweeps=True) as here,
            here.worker(HANDLERS),
        ):
            name = await here.submit("goes-on", lock_duration_ms=1_000)

            async def was_extended() -> bool:
                return extensions(here, name) >= 4

            await until(was_extended)
            task = await here.look(name)
            assert (task.state, task.attempt) == (TaskState.RUNNING, 1)
            await cancel(here, name)
            await here.comes_to(name, TaskState.CANCELLED)

    uvloop.run(scene())


def extensions(here: Hall, operation_id: str) -> int:
    return sum(
        isinstance(record.event, TaskLeaseExtended)
        for record in here.records()
        if operation_of(record.originator_id) == operation_id
    )


def test_no_more_run_at_once_than_their_key_allows(
    own_journal_url: str, nats_url: str
) -> None:
    now, most = Counter[str](), Counter[str]()

    async def keyed(assignment: Assignment, _: Listener) -> None:
        key = assignment.data["key"]
        now[key] += 1
        most[key] = max(most[key], now[key])
        await asyncio.sleep(0.02)
        now[key] -= 1

    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            names = [
                await here.submit(
                    "keyed", data={"key": key}, concurrency_key=key, concurrency_max=2
                )
                for _ in range(5)
                for key in ("a", "b")
            ]
            async with here.worker({"keyed": keyed}, slots=8):
                for name in names:
                    await here.comes_to(name, TaskState.COMPLETED)
            assert most == {"a": 2, "b": 2}
            assert sorted(here.starts()) == sorted(names)

    uvloop.run(scene())


def test_a_worker_that_stops_leaves_to_another_one_what_it_did_not_finish(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            async with here.worker(HANDLERS, name="first"):
                name = await here.submit("goes-on")
                await here.comes_to(name, TaskState.RUNNING)
            # Its grace is over, and its attempt with it; the task is not.
            task = await here.look(name)
            assert (task.state, task.stalls) == (TaskState.PENDING, 1)
            async with here.worker({"goes-on": reports}, name="second"):
                task = await here.comes_to(name, TaskState.COMPLETED)
            assert task.attempt == 2

    uvloop.run(scene())


def test_what_is_scheduled_starts_when_it_is_time(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url, sweeps=True) as here:
            async with here.worker(HANDLERS):
                name = await here.submit("reports", in_seconds=1.0)
                due = (await here.look(name)).ready_at
                await here.comes_to(name, TaskState.COMPLETED)
            [start] = [r for r in here.records() if isinstance(r.event, TaskStarted)]
            assert due is not None
            assert start.origin.at >= due
            assert start.origin.by == system("task-worker").id

    uvloop.run(scene())
