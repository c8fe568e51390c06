"""In a cluster of NATS, the queues outlive any one of its servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from nats.errors import Error as NatsError
from structlog.testing import capture_logs

from domain.task.events import LOCAL, Priority
from domain.task.task import TaskState
from tests.support.dispatching import Hall, hall, until
from tests.support.nats_cluster import SERVERS, Cluster, nats_cluster
from tests.workers.tasks.test_faults import check_each_ended_once
from workers.embedded import EmbeddedNats
from workers.tasks.queues import stream_of

TASKS = 20
QUEUES = [stream_of(priority) for priority in Priority]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with nats_cluster(tmp_path) as cluster:
        yield cluster


async def replicas(here: Hall) -> list[int | None]:
    context = here.dispatch.broker.jetstream
    return [(await context.stream_info(q)).config.num_replicas for q in QUEUES]


async def leader(here: Hall) -> str:
    """Of one of the queues."""
    info = await here.dispatch.broker.jetstream.consumer_info(QUEUES[0], LOCAL)
    assert info.cluster
    assert info.cluster.leader
    name: str = info.cluster.leader
    return name


async def are_everywhere(here: Hall) -> bool:
    """Whether each server has all of each queue."""
    try:
        for queue in QUEUES:
            info = await here.dispatch.broker.jetstream.stream_info(queue)
            others = (info.cluster and info.cluster.replicas) or []
            if len(others) < SERVERS - 1 or not all(one.current for one in others):
                return False
    except NatsError:
        return False
    return True


def test_tasks_go_on_when_the_server_that_leads_a_queue_is_killed(
    own_journal_url: str, cluster: Cluster
) -> None:
    async def scene() -> None:
        async with hall(
            own_journal_url, cluster.url, sweeps=True, replicas=SERVERS
        ) as here:
            await until(lambda: are_everywhere(here))
            names = [
                await here.submit(priority=priority)
                for priority in Priority
                for _ in range(TASKS)
            ]
            await here.all_queued()
            server = cluster.named(await leader(here))
            async with here.worker(slots=1):
                await here.comes_to(names[0], TaskState.COMPLETED)
                await asyncio.to_thread(server.kill)
                names += [await here.submit() for _ in range(TASKS)]
                for name in names:
                    await here.comes_to(name, TaskState.COMPLETED)
        check_each_ended_once(here, names)

    uvloop.run(scene())


def test_queues_that_were_in_one_server_come_to_be_in_as_many_as_are_set(
    own_journal_url: str, cluster: Cluster
) -> None:
    async def scene() -> None:
        for count in (1, SERVERS):
            async with hall(own_journal_url, cluster.url, replicas=count) as here:
                assert await replicas(here) == [count] * len(QUEUES)

    uvloop.run(scene())


def test_where_there_are_not_so_many_servers_tasks_run_and_it_is_told_once(
    own_journal_url: str, tmp_path: Path
) -> None:
    async def scene(url: str) -> None:
        async with hall(own_journal_url, url, replicas=SERVERS) as here:
            await here.dispatch.queues.ensure()
            async with here.worker():
                name = await here.submit()
                await here.comes_to(name, TaskState.COMPLETED)

    with EmbeddedNats(tmp_path) as server, capture_logs() as logs:
        uvloop.run(scene(server.url))
    told = [log["stream"] for log in logs if "replicas" in log["event"]]
    assert sorted(told) == sorted(QUEUES)
