"""Two installations on one NATS do not take each other's tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import uvloop
from structlog.testing import capture_logs

from domain.task.events import Priority
from domain.task.task import TaskState
from projections.storage.migrate import migrate
from tests.support.dispatching import Hall, hall, until
from tests.support.servers import Servers, fresh_database
from workers.embedded import EmbeddedNats
from workers.tasks.owning import OWNER, ForeignQueues
from workers.tasks.queues import stream_of


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server.url


@pytest.fixture
def other_url(servers: Servers) -> Iterator[str]:
    """The database of another installation."""
    with fresh_database(servers.database_url) as url:
        migrate(url)
        yield url


async def stamp(here: Hall, owner: str | None) -> None:
    """As though the queues were that installation's, or were made before any was."""
    context = here.dispatch.broker.jetstream
    for priority in Priority:
        config = (await context.stream_info(stream_of(priority))).config
        config.metadata = {} if owner is None else {OWNER: owner}
        await context.update_stream(config)
    for listener in here.dispatch.broker.when_back:
        listener()


async def owners(here: Hall) -> set[str | None]:
    context = here.dispatch.broker.jetstream
    streams = [await context.stream_info(stream_of(p)) for p in Priority]
    return {(stream.config.metadata or {}).get(OWNER) for stream in streams}


def test_the_second_one_is_told_what_to_do(
    own_journal_url: str, other_url: str, nats_url: str
) -> None:
    with psycopg.connect(other_url) as connection:
        [[other]] = connection.execute("SELECT id FROM installation").fetchall()

    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            assert await owners(here) == {"of-the-tests"}
            refusal = f"of-the-tests, and this is {other}: give each a NATS account"
            with pytest.raises(ForeignQueues, match=refusal):
                async with hall(other_url, nats_url):
                    pass
            assert await owners(here) == {"of-the-tests"}

    uvloop.run(scene())


def test_tasks_stay_where_they_are_until_the_queues_are_ours(
    own_journal_url: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.tasks.owning.LOOK_AGAIN_IF_FOREIGN_SECONDS", 0.2)
    monkeypatch.setattr("workers.tasks.worker.LOOK_AGAIN_IF_FOREIGN_SECONDS", 0.2)

    async def scene() -> None:
        async with hall(own_journal_url, nats_url, sweeps=True) as here:
            await stamp(here, "another")
            theirs = "berth.v1.tasks.low.local.theirs"
            await here.dispatch.broker.client.publish(theirs, b"{}")
            with capture_logs() as logs:
                async with here.worker():
                    name = await here.submit()

                    async def has_been_refused() -> bool:
                        return len([log for log in logs if "reason" in log]) >= 2

                    await until(has_been_refused)
                    assert (await here.look(name)).state is TaskState.PENDING
                    assert await here.queued() == 1, "theirs, which nobody took"
                    await stamp(here, "of-the-tests")
                    await here.comes_to(name, TaskState.COMPLETED)
            assert "give each a NATS account" in str(logs)

    uvloop.run(scene())


def test_queues_that_were_nobody_s_become_ours(
    own_journal_url: str, nats_url: str
) -> None:
    async def scene() -> None:
        async with hall(own_journal_url, nats_url) as here:
            await stamp(here, None)
            async with here.worker():
                name = await here.submit()
                await here.comes_to(name, TaskState.COMPLETED)
            assert await owners(here) == {"of-the-tests"}

    uvloop.run(scene())
