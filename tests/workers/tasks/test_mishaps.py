"""What goes wrong in a worker costs neither its tasks nor their results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError

from domain.decider import Outcome, Step
from domain.errors import JournalUnavailable
from domain.task.commands import ReportProgress
from domain.task.events import Retry, TaskProgressed
from domain.task.task import TaskState
from projections.storage.journal import StoredJournal
from tests.support.dispatching import hall
from tests.support.servers import Servers
from workers.running.assignment import (
    Assignment,
    Ending,
    Failed,
    FailureKind,
    Listener,
)
from workers.tasks.attempt import Runner


@pytest.fixture
def nats_url(servers: Servers) -> str:
    return servers.nats_url


async def reports(_: Assignment, listener: Listener) -> Mapping[str, Any]:
    await listener.progressed(50, "half")
    return {}


@dataclass
class BreaksOnce:
    """A worker that had, say, too many open files when the first task came."""

    runner: Runner
    is_broken: bool = True

    async def run(self, assignment: Assignment, listener: Listener) -> Ending:
        if self.is_broken:
            self.is_broken = False
            raise OSError("too many open files")
        return await self.runner.run(assignment, listener)

    def cancel(self, operation_id: str, attempt: int) -> bool:
        return self.runner.cancel(operation_id, attempt)


def test_what_the_worker_broke_is_not_the_task_s_failure(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url, sweeps=True) as here,
            here.worker({"reports": reports}) as worker,
        ):
            worker.runner = BreaksOnce(worker.runner)
            name = await here.submit("reports", retry=Retry(attempts=1))
            task = await here.comes_to(name, TaskState.COMPLETED)
            assert (task.attempt, task.stalls, task.failures) == (2, 1, 0)

    uvloop.run(scene())


@dataclass
class FullOnce(BreaksOnce):
    """A worker whose disk was full when the first task came."""

    async def run(self, assignment: Assignment, listener: Listener) -> Ending:
        if self.is_broken:
            self.is_broken = False
            return Failed(FailureKind.NOT_BEGUN, "no folder")
        return await super().run(assignment, listener)


def test_what_could_not_be_begun_is_put_off_and_uses_up_nothing(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.tasks.attempt.PUT_OFF_SECONDS", 0.1)

    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url, sweeps=True) as here,
            here.worker({"reports": reports}) as worker,
        ):
            worker.runner = FullOnce(worker.runner)
            retry = Retry(attempts=1, max_stalled_count=0)
            name = await here.submit("reports", retry=retry)
            task = await here.comes_to(name, TaskState.COMPLETED)
            assert (task.attempt, task.stalls, task.failures) == (2, 0, 0)

    uvloop.run(scene())


def test_progress_that_met_an_outage_is_told_with_the_end(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = StoredJournal.execute

    async def away(self: StoredJournal, *steps: Step, **more: Any) -> Outcome:
        if [type(step.command) for step in steps] == [ReportProgress]:
            raise JournalUnavailable("the database does not answer")
        return await execute(self, *steps, **more)

    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            monkeypatch.setattr(StoredJournal, "execute", away)
            async with here.worker({"reports": reports}):
                name = await here.submit("reports")
                await here.comes_to(name, TaskState.COMPLETED)
            facts = [record.event for record in here.records()]
            told = [e.percent for e in facts if isinstance(e, TaskProgressed)]
            assert told == [50]

    uvloop.run(scene())


def test_a_lease_that_was_won_is_used_though_nats_hears_nothing_of_it(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_closed(_: Msg) -> None:
        raise ConnectionClosedError

    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            monkeypatch.setattr(Msg, "ack", is_closed)
            async with here.worker({"reports": reports}):
                name = await here.submit("reports")
                task = await here.comes_to(name, TaskState.COMPLETED)
            assert (task.attempt, task.stalls) == (1, 0)

    uvloop.run(scene())


class TornLog:
    """Cannot keep what tasks write, for a reason that nobody thought of."""

    async def append(self, _: str, __: int, ___: str) -> bool:
        raise ZeroDivisionError


def test_a_log_that_cannot_be_kept_does_not_cost_the_result(
    own_journal_url: str, nats_url: str
) -> None:
    async def writes(_: Assignment, listener: Listener) -> None:
        await listener.logged(["begun"])

    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url) as here,
            here.worker({"writes": writes}) as worker,
        ):
            worker.task_log = TornLog()
            name = await here.submit("writes")
            await here.comes_to(name, TaskState.COMPLETED)

    uvloop.run(scene())


def test_a_lapsed_attempt_that_still_ends_is_not_in_the_way_of_the_next_one(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database was away for longer than the lease."""
    monkeypatch.setattr("workers.tasks.attempt.HEARTBEATS_PER_LEASE", 0.01)
    second_ended = asyncio.Event()

    async def outstays(assignment: Assignment, _: Listener) -> None:
        if assignment.attempt == 1:
            await second_ended.wait()

    async def scene() -> None:
        async with (
            hall(own_journal_url, nats_url, sweeps=True) as here,
            here.worker({"outstays": outstays}),
        ):
            name = await here.submit(
                "outstays", lock_duration_ms=1_000, retry=Retry(max_stalled_count=1)
            )
            task = await here.comes_to(name, TaskState.COMPLETED)
            assert (task.attempt, task.stalls) == (2, 1)
            second_ended.set()

    uvloop.run(scene())
