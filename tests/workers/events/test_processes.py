"""With real processes: who takes over, and README's subscriber beside a broken NATS."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from domain.roles import Role
from projections.storage.migrate import migrate
from tests.projections.test_views import append
from tests.support.dispatching import until as until_async
from tests.support.running import (
    READY_SECONDS_MAX,
    SECRET,
    VAULT_KEYS,
    Installation,
    until,
)
from tests.support.servers import Servers, fresh_database
from tests.workers.events.stage import lose_store, relaying, story
from workers.embedded import EmbeddedNats
from workers.events.stream import NAME
from workers.supervisor import Command

README = Path(__file__).parents[3] / "README.md"
SUBSCRIBER = re.compile(
    r"^## Events out.*?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL
)
LOCKS = 5
CATCH_UP_SECONDS_MAX = 60
PLACE = "SELECT position FROM tail WHERE name = 'event-relay'"
# A process's three tails and its sealer ask for the lead, while another has it.
WAITING = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%%'
HAVING count(*) = 4
"""


@pytest.fixture
def own(servers: Servers, nats: EmbeddedNats, tmp_path: Path) -> Iterator[Installation]:
    """A Berth of the test's own, on a NATS of its own."""
    with fresh_database(servers.database_url) as database_url:
        migrate(database_url)
        environment = {
            "BERTH_DATABASE_URL": database_url,
            "BERTH_NATS_URL": nats.url,
            "BERTH_SECRET": SECRET,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
        }
        yield Installation(environment, tmp_path)


@contextmanager
def subscribed(folder: Path, url: str) -> Iterator[Path]:
    """What README's subscriber prints, as it stands there."""
    found = SUBSCRIBER.search(README.read_text())
    assert found
    script, output = folder / "subscriber.py", folder / "heard"
    script.write_text(found[1])
    with output.open("w") as heard, (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(script), url, "0"], stdout=heard, stderr=errors
        )
        try:
            yield output
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()


def heard_by(output: Path) -> Sequence[tuple[int, str]]:
    """Position and subject of each."""
    words = [line.split()[:2] for line in output.read_text().splitlines()]
    return [(int(number), subject) for number, subject in words]


def tip_of(own: Installation) -> int:
    [row] = own.query("SELECT max(notification_id) AS tip FROM berth_events")
    return int(row["tip"])


def test_readme_s_subscriber_misses_nothing_though_nats_loses_its_store(
    own: Installation, nats: EmbeddedNats, tmp_path: Path
) -> None:
    with own.api("api") as api, own.worker(), subscribed(tmp_path, nats.url) as output:
        owner = api.caller(Role.OWNER)
        environment = owner.environment()
        lock = owner.lock(environment)

        def lock_and_release() -> None:
            for _ in range(LOCKS):
                assert lock.release(lock.hold()["ticketId"]).is_success

        def has_heard_it_all() -> bool:
            return [n for n, _ in heard_by(output)] == [*range(1, tip_of(own) + 1)]

        lock_and_release()
        until(has_heard_it_all, CATCH_UP_SECONDS_MAX)
        lose_store(nats)
        lock_and_release()
        nats.kill()
        lock_and_release()
        nats.start()
        lock_and_release()
        until(has_heard_it_all, CATCH_UP_SECONDS_MAX)
        subjects = [subject for _, subject in heard_by(output)]
        for what in ("acquired", "released"):
            subject = f"berth.v1.environment.{environment['id']}.lock.{what}"
            assert subjects.count(subject) == 4 * LOCKS
    uvloop.run(check_complete(own, nats))


async def check_complete(own: Installation, nats: EmbeddedNats) -> None:
    async with relaying(own.settings.database_url, nats.url) as stage:
        assert await stage.is_complete()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_relay_that_dies_or_freezes_is_followed_by_another(
    own: Installation, nats: EmbeddedNats, how: signal.Signals
) -> None:
    url = own.settings.database_url

    def has_published_it_all() -> bool:
        return [row["position"] for row in own.query(PLACE)] == [tip_of(own)]

    append(url, story(10))
    with own.berth("worker", name="first") as first:
        until(has_published_it_all, READY_SECONDS_MAX)
        with own.berth("worker", name="second") as second:
            until(lambda: bool(own.query(WAITING)), READY_SECONDS_MAX)
            assert first.pid
            assert second.pid
            os.kill(first.pid, how)
            append(url, story(10))
            until(has_published_it_all, READY_SECONDS_MAX)
            uvloop.run(check_complete(own, nats))
        first.kill()


def test_whoever_orders_it_has_the_stream_made_anew(
    own: Installation, nats: EmbeddedNats
) -> None:
    url = own.settings.database_url
    append(url, story(10))

    async def scene() -> None:
        async with relaying(url, nats.url) as stage:
            await stage.completed()
            before = (await stage.jetstream.stream_info(NAME)).created
            command = own.berth("rebuild", "events")
            await asyncio.to_thread(command.start)
            await until_async(lambda: has_ended(command))
            await stage.watched()
            await stage.completed()
            assert (await stage.jetstream.stream_info(NAME)).created != before

    uvloop.run(scene())


async def has_ended(command: Command) -> bool:
    assert command.exit_code in {None, 0}
    return command.exit_code == 0
