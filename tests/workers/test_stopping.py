"""A process that is told to stop does so, whether or not it has ever found NATS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import httpx2
import pytest

from tests.support.client import Caller
from tests.support.running import HOST, Installation, free_port, until
from workers.doorbell import Doorbell
from workers.loop import end
from workers.nats_servers import NatsServers
from workers.tasks.broker import Broker

# Somewhere among these, the connection is refused just as the cancellation comes.
STEPS_MAX = 12
STOP_SECONDS_MAX = 8
START_SECONDS_MAX = 30
SEEN = """
SELECT FROM berth_tracking
WHERE application_name = 'environment_listing'
    AND notification_id = (SELECT max(notification_id) FROM berth_events)
"""
Run = Callable[[], Awaitable[int]]


@pytest.fixture(params=["refuses", "is silent"])
def nats_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of something that is no NATS."""
    with socket.socket() as there:
        there.bind((HOST, 0))
        if request.param == "is silent":
            there.listen()
        yield f"nats://{HOST}:{there.getsockname()[1]}"


@pytest.mark.parametrize("nats_url", ["refuses"], indirect=True)
@pytest.mark.parametrize("part", ["broker", "doorbell"])
def test_a_cancellation_that_is_lost_is_not_the_last(nats_url: str, part: str) -> None:
    async def stopping() -> None:
        for steps in range(STEPS_MAX):
            nats = NatsServers(nats_url)
            bell, broker = Doorbell(nats, here, lambda _: None), Broker(nats)
            run: Run = broker.run if part == "broker" else bell.run
            task = asyncio.ensure_future(run())
            for _ in range(steps):
                await asyncio.sleep(0)
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await end(task)
            assert task.done()

    asyncio.run(stopping())


async def here() -> str:
    return "here"


def test_it_ends_what_has_ended_and_what_ends_badly() -> None:
    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("lost")

    async def ending() -> None:
        tasks = asyncio.create_task(failing()), asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        await end(*tasks)
        assert all(task.done() for task in tasks)
        await end()

    asyncio.run(ending())


def test_an_api_stops_that_has_never_found_nats(
    installation: Installation, nats_url: str
) -> None:
    port = free_port()
    live = f"http://{HOST}:{port}/sfp/api/health/live"
    settings = {"BERTH_NATS_URL": nats_url, "BERTH_PORT": str(port)}
    with installation.berth("api", name="api without NATS", **settings) as process:
        until(lambda: answers(live), START_SECONDS_MAX)
        process.stop()
        assert process.exit_code == 0


def test_a_worker_stops_that_has_never_found_nats(
    installation: Installation, owner: Caller, nats_url: str
) -> None:
    owner.repository()
    settings = {"BERTH_NATS_URL": nats_url}
    with installation.berth("worker", name="worker without NATS", **settings) as it:
        until(lambda: bool(installation.query(SEEN)), START_SECONDS_MAX)
        it.stop()
        assert it.exit_code == 0


def answers(url: str) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(url).is_success
    return False
