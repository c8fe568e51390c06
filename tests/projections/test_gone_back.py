"""A database that was restored knows of fewer erasures: everybody follows it there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import psycopg
import pytest

from domain.errors import JournalUnavailable
from projections.storage.subject_keys import Found, Known, SubjectKeys, Tally
from projections.storage.subjects import TRIES_MAX, Subjects
from tests.projections.journal_contract import begin, stored
from tests.projections.test_subjects import ADA, BOB, Process, erased, process, request
from tests.support.builders import to
from workers.erasure_watch import ErasureWatch

__all__ = ["process"]


def go_back(url: str) -> None:
    """To before the last erasure."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE erasure SET number = number - 1")


@pytest.fixture
def knowing(journal_url: str, process: Process) -> Subjects:
    """What a process knows that has seen somebody be erased."""
    subjects, other = process(), process()
    subjects.meet([ADA.id, BOB.id])
    erased(journal_url, other, ADA.id)
    subjects.look()
    return subjects


def test_who_knows_of_an_erasure_that_is_gone_goes_on(
    journal_url: str, knowing: Subjects
) -> None:
    """With what the database has, and nothing of what it had."""
    watch, forgotten = ErasureWatch(knowing, [lambda: forgotten.append(1)]), list[int]()

    async def scenario() -> None:
        async with stored(journal_url, knowing) as rig:
            await begin(rig, "e")
            known = knowing.erasures
            await watch.run_once()
            assert not forgotten, "who looks for the first time has nothing to forget"
            go_back(journal_url)
            await watch.run_once()
            assert knowing.erasures == known - 1
            assert forgotten
            await rig.journal.execute(to("e", request("b", BOB)))
            assert rig.appender._erasures == known - 1, "snapshots are kept as of then"

    asyncio.run(scenario())


def test_keys_that_are_gone_are_made_again(journal_url: str, knowing: Subjects) -> None:
    """Nothing is hidden under a key that is in no table any more."""
    knowing.meet([BOB.id])
    assert not knowing.strangers([BOB])
    with psycopg.connect(journal_url) as connection:
        digest = knowing.known(BOB.id).digest
        connection.execute("DELETE FROM subject_key WHERE digest = %s", [digest])
    knowing.look()
    assert knowing.strangers([BOB])


def test_what_was_seen_before_others_saw_more_is_no_going_back(
    knowing: Subjects,
) -> None:
    known = knowing._memory
    for late in Tally(0, known.tally.newest_key), Tally(known.tally.erasures, 1):
        knowing.notice(late)
        assert knowing._memory is known


def test_nobody_asks_for_ever(
    knowing: Subjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a standby that stays behind, say."""
    find, asked = SubjectKeys.find, list[Collection[Known]]()

    def behind(self: SubjectKeys, known: Collection[Known], *, make: bool) -> Found:
        asked.append(known)
        assert len(asked) <= TRIES_MAX
        found = find(self, known, make=make)
        return found._replace(tally=Tally(0, found.tally.newest_key))

    monkeypatch.setattr(SubjectKeys, "find", behind)
    with pytest.raises(JournalUnavailable):
        knowing.meet([ADA.id])
