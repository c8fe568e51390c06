"""One sealer at a time, its checkpoints handed out, and stopped by what others know."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from domain.seal.note import Checkpoint
from projections.storage.keyring import Keyring
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.support.dispatching import until
from tests.support.receivers import receivers
from tests.workers.events.stage import story
from tests.workers.outgoing.setting import sending
from tests.workers.sealing.scene import (
    has,
    nats_outlet,
    refused,
    running,
    sealed,
    told,
)
from workers.embedded import EmbeddedNats
from workers.sealing.file import FileOutlet, notes_in
from workers.sealing.nats import STREAM
from workers.sealing.url import UrlOutlet


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        yield stage


def test_what_is_appended_is_sealed_and_whoever_dies_is_followed(stage: Stage) -> None:
    async def scene() -> None:
        append(stage.url, story(3))
        async with running(stage) as second:
            await sealed(stage, 3)
            async with running(stage) as first:

                async def one_leads() -> bool:
                    return second.is_leading != first.is_leading

                assert (second.is_leading, first.is_leading) == (True, False)
                append(stage.url, story(2))
                await sealed(stage, 5)
                with psycopg.connect(stage.url, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE locktype = 'advisory' AND granted AND database ="
                        " (SELECT oid FROM pg_database"
                        " WHERE datname = current_database())"
                    )
                append(stage.url, story(2))
                await sealed(stage, 7)
                await until(one_leads)

    asyncio.run(scene())
    assert stage.examined().findings == []


def test_without_the_vault_s_key_nothing_is_signed_and_that_is_told(
    stage: Stage,
) -> None:
    async def scene() -> None:
        await stage.keys.ensured()
        append(stage.url, story(3))
        async with running(stage, keys=Keyring({2: bytes(32)})):
            why = await refused(stage)
            assert why == "this process lacks version 1 of the vault's keys"
        async with running(stage):
            await sealed(stage, 3)

            async def is_over() -> bool:
                return await stage.log.refusal() is None

            await until(is_over)

    asyncio.run(scene())


def test_a_url_is_told_again_until_it_has_understood(stage: Stage) -> None:
    async def scene() -> None:
        append(stage.url, story(3))
        async with receivers(1) as [receiver], sending() as (outgoing, _):
            receiver.status = 500
            async with running(stage, [UrlOutlet(receiver.url, outgoing)]):
                await receiver.got(2)
                receiver.status = 204
                seen = len(receiver.received)
                await receiver.got(seen + 1)
                newest = await stage.log.newest()
                assert newest
                last = receiver.received[-1]
                assert (last.method, last.body.decode()) == ("POST", newest.note)
                assert last.headers["content-type"] == "text/plain; charset=utf-8"

    asyncio.run(scene())


def test_a_file_that_remembers_more_stops_it_until_it_is_moved_away(
    stage: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoints"

    async def scene() -> None:
        append(stage.url, story(3))
        async with running(stage, [FileOutlet(file)]):
            await has(FileOutlet(file), 3)
        stage.do("DELETE FROM berth_events WHERE notification_id = 3")
        stage.do("TRUNCATE log_tile, log_checkpoint")
        async with running(stage, [FileOutlet(file)]):
            why = await refused(stage)
            assert "knows otherwise: 3 events were sealed, and here are only 0" in why
            assert await stage.log.newest() is None
            file.rename(tmp_path / "of before")
            await sealed(stage, 2)
            await has(FileOutlet(file), 2)
        assert [told(note).size for note in notes_in(file.read_text())] == [2]

    asyncio.run(scene())


def test_what_somebody_else_has_written_there_stops_nobody(
    stage: Stage, tmp_path: Path
) -> None:
    """Else whoever may write there could keep Berth from sealing."""
    file = tmp_path / "checkpoints"
    forged = Checkpoint("berth.log/other", 999, bytes(32)).text
    file.write_text(f"{forged}\n\N{EM DASH} berth.log/other AAAAAAAA\n\n")

    async def scene() -> None:
        append(stage.url, story(3))
        async with running(stage, [FileOutlet(file)]):
            await sealed(stage, 3)
            assert await stage.log.refusal() is None

    asyncio.run(scene())


def test_nats_has_the_newest_and_is_given_it_again(
    stage: Stage, tmp_path: Path
) -> None:
    async def scene(nats: EmbeddedNats) -> None:
        async with nats_outlet(nats, stage) as outlet:
            append(stage.url, story(3))
            async with running(stage, [outlet]):
                await has(outlet, 3)
                nats.kill()
                append(stage.url, story(2))
                await sealed(stage, 5)  # NATS is not needed for it.
                nats.start()
                await has(outlet, 5)
                kept = await outlet._broker.jetstream.stream_info(STREAM)
                assert kept.state.messages == 1

    with EmbeddedNats(tmp_path / "nats") as nats:
        asyncio.run(scene(nats))


def test_a_stream_that_somebody_has_removed_is_made_again(
    stage: Stage, tmp_path: Path
) -> None:
    async def scene(nats: EmbeddedNats) -> None:
        append(stage.url, story(1))
        async with nats_outlet(nats, stage) as outlet, running(stage, [outlet]):
            await has(outlet, 1)
            jetstream = outlet._broker.jetstream
            await jetstream.delete_stream(STREAM)
            append(stage.url, story(1))

            async def is_there() -> bool:
                streams = await jetstream.streams_info()
                return any(s.state.messages for s in streams if s.config.name == STREAM)

            await until(is_there)

    with EmbeddedNats(tmp_path / "nats") as nats:
        asyncio.run(scene(nats))


@pytest.mark.parametrize("before", [(), (1,)], ids=["yet to be made", "there"])
def test_nats_has_it_though_it_has_fewer_servers_than_are_set(
    stage: Stage, tmp_path: Path, before: Sequence[int]
) -> None:
    async def scene(nats: EmbeddedNats) -> None:
        append(stage.url, story(3))
        for replicas in (*before, 3):
            async with (
                nats_outlet(nats, stage, replicas) as outlet,
                running(stage, [outlet]),
            ):
                await has(outlet, 3)

    with EmbeddedNats(tmp_path / "nats") as nats:
        asyncio.run(scene(nats))


def test_one_that_is_silent_keeps_no_other_from_being_heard(
    stage: Stage, tmp_path: Path
) -> None:
    file = FileOutlet(tmp_path / "checkpoints")

    async def scene(nats: EmbeddedNats) -> None:
        async with nats_outlet(nats, stage) as outlet:
            append(stage.url, story(3))
            async with running(stage, [outlet, file]):
                await has(outlet, 3)
                await has(file, 3)
            stage.do("TRUNCATE log_tile, log_checkpoint")
            stage.do("UPDATE berth_events SET state = state || ' '")
            assert nats.pid
            os.kill(nats.pid, signal.SIGSTOP)
            async with running(stage, [outlet, file]):
                assert "knows otherwise: 3 events were sealed" in await refused(stage)
                assert await stage.log.newest() is None

    with EmbeddedNats(tmp_path / "nats") as nats:
        try:
            asyncio.run(scene(nats))
        finally:
            assert nats.pid
            os.kill(nats.pid, signal.SIGCONT)
