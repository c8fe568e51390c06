"""The doorbell is heard by the others of its installation, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from nats.aio.client import Client

from domain.ids import new_id
from tests.support.dispatching import until
from tests.support.servers import Servers
from workers import doorbell
from workers.doorbell import NAMELESS_EVERY_SECONDS, Doorbell
from workers.loop import end, run_forever
from workers.nats_servers import NatsServers

BURST = 200
RETRY_SECONDS = 0.01
# The last is what happens when whoever has the connection ends it himself.
ENDINGS = ("'User Authentication Expired'", "'maximum connections exceeded'", None)


class Process:
    """One process's doorbell, and what it has heard."""

    def __init__(self, url: str, installation: str) -> None:
        self.heard: list[list[str]] = []
        self._installation = installation
        self.bell = Doorbell(NatsServers(url), self.its, self.hear)

    async def its(self) -> str:
        return self._installation

    def hear(self, streams: Collection[str]) -> None:
        self.heard.append([*streams])

    @property
    def names(self) -> set[str]:
        return {name for names in self.heard for name in names}

    async def reaches(self, other: Process, name: str) -> None:
        """Once the other one has heard of it from here."""

        async def has_heard() -> bool:
            self.bell.announce([name])
            return name in other.names

        await until(has_heard)


@asynccontextmanager
async def processes(url: str, *installations: str) -> AsyncIterator[Sequence[Process]]:
    there = [Process(url, installation) for installation in installations]
    tasks = [
        asyncio.create_task(run_forever("bell", process.bell.run, RETRY_SECONDS))
        for process in there
    ]
    try:
        yield there
    finally:
        await end(*tasks)


def test_only_others_of_the_same_installation_hear_it(servers: Servers) -> None:
    async def scene() -> None:
        one, other = new_id(), new_id()
        async with processes(servers.nats_url, one, one, other, other) as there:
            here, beside, stranger, strangers_friend = there
            await here.reaches(beside, "environments/1")
            await strangers_friend.reaches(stranger, "environments/2")
            assert beside.names == {"environments/1"}
            assert stranger.names == {"environments/2"}
            assert not here.heard
            assert not strangers_friend.heard

    asyncio.run(scene())


def test_without_names_it_rings_at_once_and_then_now_and_then(servers: Servers) -> None:
    async def scene() -> None:
        here_id = new_id()
        async with processes(servers.nats_url, here_id, here_id) as (here, beside):
            await here.reaches(beside, "it is quiet")
            beside.heard.clear()

            async def has_heard() -> bool:
                here.bell.announce([])
                return [] in beside.heard

            await until(has_heard)
            beside.heard.clear()
            began = monotonic()
            for _ in range(BURST):
                here.bell.announce([])
                await asyncio.sleep(0)
            await here.reaches(beside, "the burst is over")
            most = (monotonic() - began) / NAMELESS_EVERY_SECONDS + 1
            assert beside.heard.count([]) <= min(most, BURST / 2)

    asyncio.run(scene())


def test_who_is_named_is_not_kept_by_who_is_not(servers: Servers) -> None:
    """And is heard once, though both were to ring."""

    async def scene() -> None:
        here_id = new_id()
        async with processes(servers.nats_url, here_id, here_id) as (here, beside):
            await here.reaches(beside, "it is quiet")
            here.bell.announce([])
            await here.reaches(beside, "named")
            assert [] not in beside.heard

    asyncio.run(scene())


def test_what_happened_before_nats_was_there_is_not_kept(servers: Servers) -> None:
    """It might be without end, and the others look at the journal, too."""

    async def scene() -> None:
        here_id = new_id()
        here = Process(servers.nats_url, here_id)
        for number in range(BURST):
            here.bell.announce([f"environments/{number}"])
        async with processes(servers.nats_url, here_id, here_id) as (other, beside):
            await other.reaches(beside, "all listen")
            running = asyncio.create_task(here.bell.run())
            await here.reaches(beside, "now")
            await end(running)
            assert beside.names == {"all listen", "now"}

    asyncio.run(scene())


@pytest.mark.parametrize("told", ENDINGS)
def test_it_is_heard_again_after_nats_has_closed_the_connection_for_good(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    clients: list[Client] = []

    def made() -> Client:
        clients.append(Client())
        return clients[-1]

    async def scene() -> None:
        here_id = new_id()
        async with processes(servers.nats_url, here_id, here_id) as (here, beside):
            await here.reaches(beside, "before")
            await beside.reaches(here, "before")
            first, second = clients
            for client in (first, second):
                if told is None:
                    await client.close()
                else:
                    await client._process_err(told)
            await here.reaches(beside, "after")
            await beside.reaches(here, "after")
            assert first.is_closed
            assert second.is_closed
            assert len(clients) == 4  # One anew for each, and no more.

    monkeypatch.setattr(doorbell, "SteadyClient", made)
    asyncio.run(scene())
