"""What waits holds no slot of its worker, and there is an end to how many may wait."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from domain.task.events import Retry, TaskStalled
from domain.task.task import TaskState
from tests.support.dispatching import hall, until
from tests.support.servers import Servers
from workers.running.assignment import Assignment, Listener
from workers.tasks.slots import Slot, Slots


class Harbour:
    """Ships that wait for the tide, which is a task itself."""

    def __init__(self) -> None:
        self.tide = asyncio.Event()
        self.waiting = 0

    async def wait(self, _: Assignment, listener: Listener) -> None:
        await listener.waits(is_waiting=True)
        self.waiting += 1
        try:
            await self.tide.wait()
        finally:
            self.waiting -= 1
        await listener.waits(is_waiting=False)

    async def rise(self, _: Assignment, __: Listener) -> None:
        self.tide.set()

    async def has(self, ships: int) -> bool:
        return self.waiting == ships


def test_those_that_wait_leave_their_slots_to_what_they_wait_for(
    own_journal_url: str, servers: Servers
) -> None:
    async def scene() -> None:
        harbour = Harbour()
        handlers = {"wait": harbour.wait, "rise": harbour.rise}
        async with (
            hall(own_journal_url, servers.nats_url) as here,
            here.worker(handlers, slots=2),
        ):
            names = [await here.submit("wait") for _ in range(8)]
            await until(lambda: harbour.has(8))
            for name in [*names, await here.submit("rise")]:
                task = await here.comes_to(name, TaskState.COMPLETED)
                assert task.attempt == 1

    uvloop.run(scene())


def test_beyond_those_that_may_wait_it_is_put_off_and_comes_back(
    own_journal_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.tasks.slots.WAITING_PER_SLOT_MAX", 1)
    monkeypatch.setattr("workers.tasks.attempt.PUT_OFF_SECONDS", 0.1)

    async def scene() -> None:
        harbour = Harbour()
        handlers = {"wait": harbour.wait, "rise": harbour.rise}
        retry = Retry(attempts=1, max_stalled_count=0)
        async with hall(own_journal_url, servers.nats_url, sweeps=True) as here:

            async def was_put_off_twice() -> bool:
                return len([r for r in here.records() if is_put_off(r.event)]) >= 2

            async with here.worker(handlers, slots=1):
                names = [await here.submit("wait", retry=retry) for _ in range(2)]
                await until(was_put_off_twice)
                names.append(await here.submit("rise", retry=retry))
                for name in names:
                    task = await here.comes_to(name, TaskState.COMPLETED)
                    assert (task.failures, task.stalls) == (0, 0)

    uvloop.run(scene())


def is_put_off(event: object) -> bool:
    return isinstance(event, TaskStalled) and event.is_put_off


def test_a_worker_that_stops_leaves_at_once_what_waits_and_none_of_it_is_lost(
    own_journal_url: str, servers: Servers
) -> None:
    async def scene() -> None:
        harbour = Harbour()
        retry = Retry(max_stalled_count=0)
        async with hall(own_journal_url, servers.nats_url) as here:
            async with (
                asyncio.timeout(30),
                here.worker({"wait": harbour.wait}, grace_seconds=60),
            ):
                name = await here.submit("wait", retry=retry)
                await until(lambda: harbour.has(1))
            task = await here.look(name)
            assert (task.state, task.stalls) == (TaskState.PENDING, 0)

    uvloop.run(scene())


def test_who_goes_on_needs_no_slot_but_nobody_else_begins_meanwhile() -> None:
    async def scene() -> None:
        slots = Slots(1)
        first = Slot(slots)
        assert first.wait()
        await asyncio.wait_for(slots.one_free(), 1)
        second = Slot(slots)
        first.go_on()
        assert slots.running == 2
        second.end()
        beginning = asyncio.create_task(slots.one_free())
        await asyncio.sleep(0)
        assert not beginning.done()
        first.end()
        await asyncio.wait_for(beginning, 1)
        assert (slots.running, slots.waiting) == (0, 0)

    asyncio.run(scene())


def test_whoever_ends_while_waiting_is_counted_no_more() -> None:
    slots = Slots(1)
    slot = Slot(slots)
    assert slot.wait()
    assert slot.wait(), "said twice"
    slot.end()
    slot.end()
    slot.go_on()
    assert not Slot(slots).is_waiting
    assert (slots.running, slots.waiting) == (1, 0)
