"""A key that is known to be busy is not asked for again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import uvloop
from nats.aio.msg import Msg

from domain.decider import Journal, Outcome, Step
from domain.task.concurrency import stream_of
from domain.task.task import TaskState
from tests.support.dispatching import hall, until
from tests.support.servers import Servers
from workers.running.assignment import Assignment, Listener
from workers.tasks.busy import PAUSE_SECONDS, PAUSE_SECONDS_MAX, BusyKeys

WAITING = 8


@dataclass
class Counting:
    """A journal that remembers how often it was asked what."""

    journal: Journal
    calls: int = 0
    asked: Counter[type] = field(default_factory=Counter)

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        self.calls += 1
        self.asked.update(type(step.command) for step in steps)
        return await self.journal.execute(*steps, wait_seconds=wait_seconds)

    def now(self) -> datetime:
        return self.journal.now()


def test_a_worker_asks_for_a_busy_key_seldom_and_at_once_when_it_is_free(
    own_journal_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the tasks come by: here every 10 ms, 20 times each."""
    put_off = Counter[str]()
    nak = Msg.nak

    async def soon(message: Msg, delay: float | None = None) -> None:
        put_off[message.subject] += 1
        await nak(message, delay and 0.01)

    monkeypatch.setattr(Msg, "nak", soon)
    ends = asyncio.Event()

    async def holds(_: Assignment, __: Listener) -> None:
        await ends.wait()

    async def scene() -> None:
        async with (
            hall(own_journal_url, servers.nats_url) as here,
            here.worker({"keyed": holds}, slots=4) as worker,
        ):
            keyed: dict[str, Any] = {"concurrency_key": "k", "concurrency_max": 1}
            first = await here.submit("keyed", **keyed)
            await here.comes_to(first, TaskState.RUNNING)
            counting = Counting(worker.journal)
            worker.journal = counting
            others = [await here.submit("keyed", **keyed) for _ in range(WAITING)]

            async def have_come_by_often() -> bool:
                return len(put_off) == WAITING and min(put_off.values()) >= 20

            await until(have_come_by_often)
            # Three calls each to learn its key, and some more every now and then.
            assert counting.calls < sum(put_off.values()), counting.asked
            ends.set()
            for name in others:
                await here.comes_to(name, TaskState.COMPLETED)

    uvloop.run(scene())


def test_what_frees_a_slot_is_told_where_its_key_was_found_busy_and_elsewhere(
    own_journal_url: str, servers: Servers
) -> None:
    """The clock that would have them ask again by themselves stands still."""
    ends = asyncio.Event()

    async def holds(_: Assignment, __: Listener) -> None:
        await ends.wait()

    async def scene() -> None:
        async with (
            hall(own_journal_url, servers.nats_url) as here,
            hall(own_journal_url, servers.nats_url) as there,
            here.worker({"keyed": holds}),
        ):
            both = [each.dispatch.queues.busy_keys for each in (here, there)]
            for keys in both:
                keys.now = lambda: 0.0
            keyed: dict[str, Any] = {"concurrency_key": "k", "concurrency_max": 1}
            first = await here.submit("keyed", **keyed)
            await here.comes_to(first, TaskState.RUNNING)
            second = await here.submit("keyed", **keyed)
            both[1].learn(second, stream_of("keyed", "k"))
            both[1].found(second)

            async def all_found_it_busy() -> bool:
                return all(keys.is_busy(second) for keys in both)

            async def another_has_freed_it() -> bool:
                """As often as it takes: nobody promises that the bell is heard yet."""
                another = await here.submit("keyed", **keyed)
                await here.comes_to(another, TaskState.COMPLETED)
                return not both[1].is_busy(second)

            await until(all_found_it_busy)
            ends.set()
            await here.comes_to(second, TaskState.COMPLETED)
            await until(another_has_freed_it)

    uvloop.run(scene())


def test_it_is_asked_for_again_after_a_while_and_a_longer_one_each_time() -> None:
    now = 100.0
    keys = BusyKeys(lambda: now)
    assert not keys.learn("a", "k")
    pauses = []
    for _ in range(5):
        pauses.append(keys.found("a"))
        assert keys.is_busy("a")
        assert keys.learn("b", "k"), "another task of that key"
        assert keys.found("b") == pauses[-1], "put off for as long"
        now += pauses[-1]
        assert not keys.is_busy("a")
    assert pauses == [0.5, 1, 2, 4, 4]
    assert (pauses[0], pauses[-1]) == (PAUSE_SECONDS, PAUSE_SECONDS_MAX)


def test_a_change_of_its_stream_is_a_reason_to_ask() -> None:
    keys = BusyKeys(lambda: 0.0)
    keys.learn("a", "k")
    keys.learn("b", "l")
    keys.found("a")
    keys.found("b")
    keys.changed(["tasks/a", "k"])
    assert (keys.is_busy("a"), keys.is_busy("b")) == (False, True)
    assert not keys.is_busy("never heard of")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.tasks.busy.REMEMBERED_MAX", 2)
    keys = BusyKeys(lambda: 0.0)
    for name in "abc":
        keys.learn(name, f"key-{name}")
        keys.found(name)
    assert [keys.is_busy(name) for name in "abc"] == [False, True, True]
