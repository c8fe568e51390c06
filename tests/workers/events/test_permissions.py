"""The accounts that the documents tell of: Berth may publish, a reader may but read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from tests.support.running import HOST, free_port
from tests.workers.events.stage import relaying
from workers.embedded.nats import _program
from workers.events.stream import NAME

PAGE = Path(__file__).parents[3] / "docs" / "events-nats.md"
ACCOUNTS = re.compile(r"^```\n(accounts .*?)^```", re.MULTILINE | re.DOTALL)
PASSWORDS = {"BERTH_PASSWORD": "b" * 20, "READER_PASSWORD": "r" * 20}


@contextmanager
def with_accounts(folder: Path, accounts: str) -> Iterator[str]:
    """A server configured so; where it is, without a user."""
    port = free_port()
    config = folder / "nats.conf"
    config.write_text(
        f'host: "{HOST}"\nport: {port}\n'
        f'jetstream {{ store_dir: "{folder}/store" }}\n{accounts}'
    )
    with (folder / "nats.log").open("w") as log:
        process = subprocess.Popen(
            [_program(), "-c", config], env=PASSWORDS, stderr=log, stdout=log
        )
        try:
            yield f"{HOST}:{port}"
        finally:
            process.kill()
            process.wait()


async def connected(url: str) -> Client:
    client = Client()

    async def quietly(_: Exception) -> None:
        pass

    await client.connect(url, error_cb=quietly)
    return client


def test_a_reader_reads_and_can_do_nothing_else(
    journal_of_some: str, tmp_path: Path
) -> None:
    found = ACCOUNTS.search(PAGE.read_text())
    assert found

    async def scene(where: str) -> None:
        berth = f"nats://berth:{PASSWORDS['BERTH_PASSWORD']}@{where}"
        async with relaying(journal_of_some, berth) as stage:
            await stage.completed()
            reader = await connected(
                f"nats://reader:{PASSWORDS['READER_PASSWORD']}@{where}"
            )
            context = reader.jetstream(timeout=0.5)
            begin = ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=11,
                ack_policy=AckPolicy.NONE,
            )
            feed = await context.pull_subscribe("", stream=NAME, config=begin)
            heard = [await feed.fetch(1) for _ in range(10)]
            places = [message.metadata.sequence.stream for [message] in heard]
            assert places == [*range(11, 21)]
            assert (await context.stream_info(NAME)).state.messages == 20
            for forbidden in (
                context.publish("berth.v1.environment.e-1.lock.granted", b"{}"),
                context.delete_stream(NAME),
                context.purge_stream(NAME),
                context.delete_consumer(NAME, "another"),
                context.stream_info("BERTH_TASKS_LOW"),
            ):
                with pytest.raises(NatsTimeout):
                    await forbidden
            await reader.close()
            assert await stage.is_complete()

    with with_accounts(tmp_path, found[1]) as where:
        uvloop.run(scene(where))
