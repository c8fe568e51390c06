"""Each installation answers its own workers, though all share a NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from domain.ids import new_id
from tests.support.dispatching import until
from tests.support.flushed import flushed
from tests.support.servers import Servers
from workers.loop import end
from workers.nats_servers import NatsServers
from workers.tasks.broker import Broker
from workers.tasks.line import Headers, WorkerLine, line_of

QUESTIONS = 20


@asynccontextmanager
async def answering(url: str, *installations: str) -> AsyncIterator[Broker]:
    """A line for each, which answers with its installation's id and what was asked."""
    broker = Broker(NatsServers(url))

    def line(installation: str) -> WorkerLine:
        async def here() -> str:
            return installation

        async def answer(what: str, _: Headers, __: bytes) -> bytes:
            return f"{installation} {what}".encode()

        return WorkerLine(broker, here, answer)

    lines = [line(installation) for installation in installations]
    runs = [broker.run, *(one.run for one in lines)]
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        await broker.connected()
        yield broker
    finally:
        await end(*tasks)


def test_no_installation_answers_for_another(servers: Servers) -> None:
    async def scene() -> None:
        one, other = new_id(), new_id()
        async with answering(servers.nats_url, one, other) as broker:

            async def ask(installation: str) -> str:
                subject = f"{line_of(installation)}.start"
                return (await broker.client.request(subject, b"")).data.decode()

            async def listen() -> bool:
                try:
                    return [await ask(one), await ask(other)] != []
                except NoRespondersError:
                    return False

            await until(listen)
            for _ in range(QUESTIONS):
                assert await ask(one) == f"{one} start"
                assert await ask(other) == f"{other} start"

    asyncio.run(scene())


@pytest.mark.parametrize("inbox", ["berth.v1.environment.x.lock.acquired", "$JS.x"])
def test_nobody_has_an_answer_sent_where_berth_itself_speaks(
    servers: Servers, inbox: str
) -> None:
    async def scene() -> set[str]:
        here, heard = new_id(), set[str]()

        async def hear(message: Msg) -> None:
            if message.data:  # Else it is NATS that says that nobody listens yet.
                heard.add(message.subject)

        async with answering(servers.nats_url, here) as broker:
            client = broker.client
            good = client.new_inbox()
            for subject in (inbox, good):
                await client.subscribe(subject, cb=hear)

            async def is_answered() -> bool:
                """What is asked on one connection is answered in turn."""
                for reply in (inbox, good):
                    await client.publish(f"{line_of(here)}.ask", b"", reply)
                await flushed(client)
                return good in heard

            await until(is_answered)
        return heard - {good}

    assert asyncio.run(scene()) == set()
