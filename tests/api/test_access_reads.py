"""Which reads are put on record: each reader's of each place, once a minute."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from api.access_log import WINDOW_SECONDS, AccessLog
from domain.access import EnvironmentRead
from domain.errors import JournalUnavailable
from tests.api.refusals import MALLORY, PLACE
from tests.api.test_access_log import Away, Wait, wait
from tests.support.memory import Hands, MemoryJournal

__all__ = ["wait"]


def test_a_read_is_recorded_again_after_a_minute(
    journal: MemoryJournal, wait: Wait
) -> None:
    async def reads() -> None:
        log = AccessLog(journal, str)
        for seconds in 0, WINDOW_SECONDS - 1, 1, 0:
            wait(seconds)
            await log.read(MALLORY, PLACE, "acme/shop")

    asyncio.run(reads())
    read = EnvironmentRead(PLACE, "acme/shop")
    assert [record.event for record in journal.records] == [read, read]


def test_a_read_that_could_not_be_recorded_is_none(clock: Hands) -> None:
    """The answer did not leave: the next one must not leave unrecorded."""
    journal = Away(clock)

    async def reads() -> None:
        log = AccessLog(journal, str)
        journal.is_away = True
        with pytest.raises(JournalUnavailable):
            await log.read(MALLORY, PLACE, "acme/shop")
        journal.is_away = False
        await log.read(MALLORY, PLACE, "acme/shop")

    asyncio.run(reads())
    assert len(journal.records) == 1


def test_reads_of_others_and_of_other_places_are_told_apart(
    journal: MemoryJournal,
) -> None:
    """An application may have a person's name."""
    namesake = replace(MALLORY, actor=replace(MALLORY.actor, application="ci"))
    other = replace(MALLORY, actor=replace(MALLORY.actor, id="ada"))

    async def reads() -> None:
        log = AccessLog(journal, str)
        for _ in range(2):
            for caller in MALLORY, namesake, other:
                for place in PLACE, "another":
                    await log.read(caller, place, "acme/shop")

    asyncio.run(reads())
    assert len(journal.records) == 6


def test_of_too_many_reads_the_oldest_is_forgotten(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.access_log.REMEMBERED_MAX", 2)

    async def reads() -> list[int]:
        log, counts = AccessLog(journal, str), []
        for place in "a", "b", "c", "c", "b", "a":
            await log.read(MALLORY, place, "acme/shop")
            counts.append(len(journal.records))
        return counts

    assert asyncio.run(reads()) == [1, 2, 3, 3, 3, 4]
