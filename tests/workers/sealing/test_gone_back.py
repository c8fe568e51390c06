"""Whoever has sealed more than there is now does not seal another history over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import LiteralString

import pytest

from projections.storage.log.sealing import NAME
from projections.storage.migrate import ADVISORY_LOCK
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import story
from tests.workers.sealing.scene import has, refused, running, told
from workers.sealing.file import FileOutlet, notes_in

FORGET: Sequence[LiteralString] = (
    "DELETE FROM berth_events WHERE notification_id > 2",
    "DELETE FROM log_checkpoint WHERE size > 2",
    "UPDATE log_tile SET hashes = substr(hashes, 1, 64)",
)
END_SESSIONS: LiteralString = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
WAIT_FOR_LEAD: LiteralString = "SELECT pg_advisory_lock(%s, hashtext(%s))"


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        yield stage


@pytest.mark.parametrize("ended", [(), (END_SESSIONS,)], ids=["altered", "failed over"])
def test_it_asks_again_those_who_have_more(
    stage: Stage, tmp_path: Path, ended: Sequence[LiteralString]
) -> None:
    """As where a standby took over that lacked the last commits."""
    file = FileOutlet(tmp_path / "checkpoints")

    async def scene() -> None:
        append(stage.url, story(2))
        async with running(stage, [file]):
            await has(file, 2)
            append(stage.url, story(1))
            await has(file, 3)
            stage.do_all(*FORGET, *ended)
            append(stage.url, story(9)[4:])
            why = await refused(stage)
            assert "knows otherwise: 3 events were sealed, and here are only 2" in why

    asyncio.run(scene())
    assert sizes_in(tmp_path / "checkpoints") == {2, 3}


def test_what_was_lost_since_they_were_asked_is_not_sealed_over(stage: Stage) -> None:
    signers = asyncio.run(stage.keys.signers())
    with closing(stage.store.open()) as connection:
        assert stage.store.lead(connection)
        for news in 2, 1:
            append(stage.url, story(news))
            assert stage.store.seal(connection, signers) == news
        stage.do_all(*FORGET)
        append(stage.url, story(9)[4:])
        assert stage.store.seal(connection, signers) == 0
        # They have been asked by now, and none knew otherwise.
        assert stage.store.seal(connection, signers) == 5


def test_it_asks_those_to_whom_another_has_given_more(
    stage: Stage, tmp_path: Path
) -> None:
    """What it has given them itself is no more than there is."""
    file = FileOutlet(tmp_path / "checkpoints")

    def seal_in_its_place() -> None:
        signers = asyncio.run(stage.keys.signers())
        with closing(stage.store.open()) as connection:
            ending = Thread(target=stage.do, args=[END_SESSIONS])
            ending.start()
            connection.execute(WAIT_FOR_LEAD, [ADVISORY_LOCK, NAME])
            ending.join()
            assert stage.store.lead(connection)
            append(stage.url, story(1))
            assert stage.store.seal(connection, signers) == 1
            newest = asyncio.run(stage.log.checkpoint(None))
            asyncio.run(file.publish(newest.checkpoint.origin, newest.note))
            stage.do_all(*FORGET)

    async def scene() -> None:
        append(stage.url, story(2))
        async with running(stage, [file]):
            await has(file, 2)
            await asyncio.to_thread(seal_in_its_place)
            append(stage.url, story(9)[4:])
            why = await refused(stage)
            assert "knows otherwise: 3 events were sealed, and here are only 2" in why

    asyncio.run(scene())
    assert sizes_in(tmp_path / "checkpoints") == {2, 3}


def sizes_in(path: Path) -> set[int]:
    """Each is of the one history."""
    found = {(told(note).size, told(note).root) for note in notes_in(path.read_text())}
    sizes = {size for size, _ in found}
    assert len(sizes) == len(found)
    return sizes
