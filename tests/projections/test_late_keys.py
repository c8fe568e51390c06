"""A name that was nobody's is a person's from the moment that somebody has a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import JSONTranscoder

from domain.environment.events import LockGranted, LockReleased
from domain.environment.lock import ReleaseLock
from domain.event import Actor
from domain.record import Recorded
from domain.roles import Role
from projections.storage import heads
from projections.storage.erasure import Erasure
from projections.storage.mapper import EventMapper
from projections.storage.subject_keys import Found, Known, SubjectKeys
from projections.storage.subjects import SubjectUnknown
from tests.projections.journal_contract import begin, stored
from tests.projections.test_subjects import (
    ADA,
    BOB,
    Process,
    erased,
    every,
    happen,
    process,
    read,
    request,
    states,
)
from tests.support.builders import to
from tests.support.running import until

__all__ = ["process"]
NAMESAKE = Actor(ADA.id, Role.OWNER, application=ADA.id)
WAITING = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def told_of(url: str, position: int) -> bytes:
    """What was stored after `position`."""
    return b"".join(states(url)[position:])


async def named_by_an_application(rig: Any) -> None:
    """So this process has found that there is no person of that name."""
    await begin(rig, "n", "e", name="uat")
    await rig.journal.execute(to("e", request("b", BOB)))
    await rig.journal.execute(to("n", request("n", NAMESAKE)))
    await rig.journal.execute(to("n", ReleaseLock(by=NAMESAKE, ticket_id="n")))


@pytest.mark.parametrize("snapshot_every", [heads.SNAPSHOT_EVERY, 1])
@pytest.mark.parametrize("is_warm", [True, False])
def test_who_has_a_key_since_is_named_by_no_process_that_knew_an_application(
    journal_url: str,
    process: Process,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_warm: bool,
    snapshot_every: int,
) -> None:
    """Whether it reads of the person in events, or in a snapshot somebody else made."""
    monkeypatch.setattr(heads, "SNAPSHOT_EVERY", snapshot_every)
    here, elsewhere = process(), process()
    release = to("e", ReleaseLock(by=BOB, ticket_id="b"))

    async def scenario() -> int:
        async with stored(journal_url, here) as rig:
            await named_by_an_application(rig)
            before = len(states(journal_url))
            await asyncio.to_thread(happen, journal_url, elsewhere, request("a", ADA))
            if is_warm:
                await rig.journal.execute(release)
        if not is_warm:
            async with stored(journal_url, here) as rig:
                await rig.journal.execute(release)
        return before

    before = asyncio.run(scenario())
    assert ADA.id.encode() in b"".join(states(journal_url)), "an application is told of"
    assert ADA.id.encode() not in told_of(journal_url, before)
    shown = erased(journal_url, elsewhere, ADA.id)
    here.look()
    granted = every(read(journal_url, here), LockGranted)
    assert [r.event.requested_by for r in granted] == [BOB.id, ADA.id, shown]


def just_found(monkeypatch: pytest.MonkeyPatch, first: Callable[[], None]) -> None:
    """Whoever has looked for a key, and makes none, is preempted before he knows."""
    find = SubjectKeys.find

    def late(self: SubjectKeys, known: Collection[Known], *, make: bool) -> Found:
        found = find(self, known, make=make)
        if not make:
            first()
        return found

    monkeypatch.setattr(SubjectKeys, "find", late)


def test_a_key_that_was_made_while_it_was_looked_for_is_found_by_the_next_look(
    journal_url: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with stored(journal_url, process()) as rig:
            await named_by_an_application(rig)

    asyncio.run(scenario())
    here, elsewhere = process(), process()
    mapper = EventMapper(JSONTranscoder(), here)
    record: Recorded = every(read(journal_url, here), LockReleased)[0]

    def meanwhile() -> None:
        elsewhere.meet([ADA.id])
        here.look()

    with monkeypatch.context() as once:
        just_found(once, meanwhile)
        here.learn([record])
    with pytest.raises(SubjectUnknown):
        mapper.to_stored_event(record)
    here.learn([record])
    assert b'"requested_by":"\\/' in mapper.to_stored_event(record).state


def test_keys_are_made_in_the_order_of_their_ids(
    journal_url: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else there could be one that is older than the newest known, and comes later."""
    make, is_made, may_go_on = SubjectKeys._make, Event(), Event()

    def slow(self: SubjectKeys, *values: Any) -> None:
        make(self, *values)
        if not is_made.is_set():
            is_made.set()
            may_go_on.wait()

    here, elsewhere = process(), process()
    here.known(ADA.id)  # The secret of all names is there.
    monkeypatch.setattr(SubjectKeys, "_make", slow)
    with (
        ThreadPoolExecutor(2) as pool,
        psycopg.connect(journal_url, autocommit=True) as watching,
    ):
        first = pool.submit(here.meet, [ADA.id])
        try:
            until(is_made.is_set)
            second = pool.submit(elsewhere.meet, [BOB.id])
            until(
                lambda: (
                    second.done() or watching.execute(WAITING).fetchone() is not None
                )
            )
            assert not second.done()
        finally:
            may_go_on.set()
        first.result()
        second.result()


def test_who_never_had_a_key_was_not_erased(journal_url: str, process: Process) -> None:
    here = process()
    assert here.by_now(ADA.id) == ADA.id
    here.meet([ADA.id])
    assert here.by_now(ADA.id) == ADA.id
    known = here.known(ADA.id)
    assert Erasure(journal_url, here).destroy(known)
    assert here.by_now(ADA.id) == known.erased_as
    erased(journal_url, here, ADA.id)
    assert here.by_now(ADA.id) == known.erased_as
    here.meet([ADA.id])
    assert here.by_now(ADA.id) == ADA.id
