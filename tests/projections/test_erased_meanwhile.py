"""No name is appended in plain that somebody remembers who was erased meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest

from domain.environment.events import LockGranted
from domain.environment.lock import ReleaseLock
from domain.record import Recorded
from projections.storage import heads
from projections.storage.erasure import Erasure
from projections.storage.subjects import Subjects
from tests.projections.journal_contract import (
    LONG_SECONDS,
    StoredRig,
    kinds,
    parked,
    stored,
)
from tests.projections.test_subjects import (
    ADA,
    BOB,
    Process,
    begun,
    erased,
    every,
    happen,
    process,
    read,
    request,
    snapshots,
    states,
)
from tests.support.builders import OWNER, acquire, to

__all__ = ["process"]
RELEASE = ReleaseLock(by=BOB, ticket_id="b")


@pytest.fixture
def url(journal_url: str, process: Process) -> str:
    """Ada waits for Bob to give back the lock."""
    begun(journal_url, process(), request("b", BOB), request("a", ADA))
    return journal_url


def told(url: str, subjects: Subjects) -> list[str]:
    """To whom the lock was granted, by those who know of the erasure."""
    assert ADA.id.encode() not in b"".join(states(url))
    subjects.look()
    granted = every(read(url, subjects), LockGranted)
    return [record.event.requested_by for record in granted]


def learning(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[Subjects], None]
) -> list[bool]:
    """Whoever learns a name is preempted once; tells whether that came to pass."""
    learn, was_preempted = Subjects.learn, list[bool]()

    def late(self: Subjects, records: Iterable[Recorded]) -> None:
        if not was_preempted:
            was_preempted.append(True)
            first(self)
        learn(self, records)

    monkeypatch.setattr(Subjects, "learn", late)
    return was_preempted


async def warm(rig: StoredRig) -> None:
    """It has decided before, and knows who waits; it has never stored Ada's name."""
    await rig.journal.execute(to("e", request("c", BOB)))


def noticed_erasure(url: str, elsewhere: Subjects) -> Callable[[Subjects], None]:
    """Ada is erased `elsewhere`, and the process that is told hears of it."""

    def erase(mine: Subjects) -> None:
        erased(url, elsewhere, ADA.id)
        mine.look()

    return erase


@pytest.mark.parametrize("is_warm", [False, True])
def test_who_is_erased_while_a_batch_is_decided_is_not_named_by_it(
    url: str, process: Process, monkeypatch: pytest.MonkeyPatch, is_warm: bool
) -> None:
    """And it is noticed before the batch is stored: it is decided once more."""
    here, erase = process(), noticed_erasure(url, process())

    async def scenario() -> None:
        async with stored(url, here) as rig:
            if is_warm:
                await warm(rig)
            was_preempted = learning(monkeypatch, erase)
            await rig.journal.execute(to("e", RELEASE))
            assert was_preempted

    asyncio.run(scenario())
    assert told(url, here) == [BOB.id, here.known(ADA.id).erased_as]


def test_who_was_woken_by_a_batch_that_is_decided_once_more_is_answered_once(
    url: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, erase = process(), noticed_erasure(url, process())

    async def scenario() -> None:
        async with stored(url, here) as rig:
            await warm(rig)
            step = to("e", acquire("c", actor=BOB))
            waiting = asyncio.create_task(
                rig.journal.execute(step, wait_seconds=LONG_SECONDS)
            )
            await parked(rig, 1)
            learning(monkeypatch, erase)
            of_ada = ReleaseLock(by=OWNER, ticket_id="a")
            await rig.journal.execute(to("e", RELEASE), to("e", of_ada))
            assert kinds((await waiting).events) == ["LockAcquired"]

    asyncio.run(scenario())
    assert told(url, here) == [BOB.id, here.known(ADA.id).erased_as, BOB.id]


def test_who_was_erased_unnoticed_is_not_named_by_what_is_remembered_of_a_queue(
    url: str, process: Process
) -> None:
    here = process()

    async def scenario() -> None:
        async with stored(url, here) as rig:
            await warm(rig)
            erased(url, process(), ADA.id)
            await rig.journal.execute(to("e", RELEASE))

    asyncio.run(scenario())
    assert told(url, here) == [BOB.id, here.known(ADA.id).erased_as]


def test_every_snapshot_that_has_the_name_is_dropped(
    url: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "SNAPSHOT_EVERY", 1)
    happen(url, here := process(), request("c", BOB))
    assert ADA.id.encode() in b"".join(snapshots(url))
    erasure = Erasure(url, here)
    assert erasure.destroy(here.known(ADA.id))
    erasure.forget_snapshots(ADA.id)
    assert snapshots(url) == []


def test_a_snapshot_that_is_still_to_be_dropped_names_nobody(
    url: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the steps of an erasure, who knows of the first reads it once more."""
    monkeypatch.setattr(heads, "SNAPSHOT_EVERY", 1)
    happen(url, here := process(), request("c", BOB))
    erasure, known = Erasure(url, here), here.known(ADA.id)
    key_ids = erasure.destroy(known)
    later = process()
    later.look()
    happen(url, later, RELEASE)
    erasure.forget_snapshots(ADA.id)
    erasure.finish(key_ids)
    assert told(url, later) == [BOB.id, known.erased_as]
