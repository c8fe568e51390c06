"""A worker takes as many tasks as it has hands for, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.aio.msg import Msg

from domain.ids import new_id
from domain.task.events import LOCAL, Priority
from tests.support.servers import Servers
from workers.loop import end
from workers.nats_servers import NatsServers
from workers.tasks.broker import Broker
from workers.tasks.pull import Pull
from workers.tasks.queues import Ready, TaskQueues, priority_of
from workers.tasks.turns import turns

SECONDS_MAX = 30


@dataclass
class Bench:
    """`hands` are those of one worker, which is `pull`; `other` has many."""

    queues: TaskQueues
    pull: Pull
    other: Pull
    hands: int = 0

    async def publish(self, count: int, priority: Priority = Priority.LOW) -> None:
        tasks = [Ready(new_id(), priority, LOCAL) for _ in range(count)]
        assert (await self.queues.publish(tasks)).new == count

    async def take(self, hands: int, pull: Pull | None = None) -> Counter[Priority]:
        """What comes first, all of it acknowledged."""
        self.hands = hands
        found: Sequence[Msg] = ()
        while not found:
            found = await (pull or self.pull).next()
        for message in found:
            await message.ack()
        return Counter(priority_of(message.subject) for message in found)


async def of_the_tests() -> str:
    """The installation, as in the database of tests that use the same NATS."""
    return "of-the-tests"


@asynccontextmanager
async def bench(servers: Servers) -> AsyncIterator[Bench]:
    broker = Broker(NatsServers(servers.nats_url))
    running = asyncio.create_task(broker.run())
    await broker.connected()
    queues = TaskQueues(broker, of_the_tests)
    await queues.ensure()
    for priority in Priority:
        await broker.jetstream.purge_stream(f"BERTH_TASKS_{priority.upper()}")
    pull = Pull(broker, turns(), lambda: here.hands)
    other = Pull(broker, turns(), lambda: 100)
    here = Bench(queues, pull, other)
    async with pull, other:
        yield here
    await end(running)


def run(servers: Servers, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(SECONDS_MAX), bench(servers) as here:
            await scene(here)

    asyncio.run(whole())


def test_it_takes_all_that_there_is_for_its_hands_and_leaves_the_rest(
    servers: Servers,
) -> None:
    async def scene(here: Bench) -> None:
        await here.publish(8)
        assert await here.take(5) == {Priority.LOW: 5}
        assert await here.take(0, here.other) == {Priority.LOW: 3}

    run(servers, scene)


def test_the_urgent_have_the_first_call_and_low_has_its_turn(servers: Servers) -> None:
    async def scene(here: Bench) -> None:
        await here.publish(30, Priority.CRITICAL)
        await here.publish(30, Priority.LOW)
        # Nobody is there to take the turns of high and of normal.
        assert await here.take(15) == {Priority.CRITICAL: 14, Priority.LOW: 1}

    run(servers, scene)


def test_an_empty_queue_tells_of_what_comes_and_then_is_asked_for_more(
    servers: Servers,
) -> None:
    async def scene(here: Bench) -> None:
        found: Counter[Priority] = Counter()
        taking = asyncio.create_task(here.take(20))
        for priority in Priority:
            await here.publish(5, priority)
        found += await taking
        while found.total() < len(Priority) * 5:
            found += await here.take(20)
        assert found == dict.fromkeys(Priority, 5)

    run(servers, scene)


def test_what_comes_while_no_hand_is_free_goes_to_somebody_else(
    servers: Servers,
) -> None:
    async def scene(here: Bench) -> None:
        taking = asyncio.create_task(here.take(3))
        await here.publish(1)
        await taking  # Three more queues will tell it of what comes.
        here.hands = 0
        await here.publish(2, Priority.HIGH)
        found = await here.take(0, here.other)
        while found.total() < 2:
            found += await here.take(0, here.other)
        assert found == {Priority.HIGH: 2}

    run(servers, scene)


def test_who_has_no_hand_free_any_more_asks_for_nothing(servers: Servers) -> None:
    async def scene(here: Bench) -> None:
        await here.publish(1)
        here.hands = -1  # Somebody goes on who had waited, and needs no slot.
        async with asyncio.timeout(1):
            assert await here.pull.next() == []
        assert await here.take(0, here.other) == {Priority.LOW: 1}

    run(servers, scene)
