"""People's keys: made once, noticed when they are gone, and nothing is told without."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest

from domain.environment.events import LockGranted, LockReleased, LockRequested
from domain.environment.lock import ReleaseLock, RequestLock
from domain.errors import VaultClosed
from domain.event import Actor, Event
from domain.record import Recorded
from domain.roles import Role
from projections.environment_listing import environment_listing
from projections.storage.beside import RebuildError
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.erasure import Erasure
from projections.storage.heads import SNAPSHOT_EVERY
from projections.storage.keyring import Keyring
from projections.storage.past import Past
from projections.storage.rebuild import rebuild
from projections.storage.rotation import rotate
from projections.storage.subjects import Subjects, subjects_of
from projections.storage.vault_use import VaultUse
from tests.projections.journal_contract import begin, stored
from tests.support.builders import to

FIRST, SECOND = ({n: secrets.token_bytes(32)} for n in (1, 2))
ADA = Actor(
    "ada@people.example", Role.OWNER, ip="203.0.113.9", user_agent="AdaBrowser/7"
)
BOB = Actor("bob@people.example", Role.OWNER, ip="203.0.113.9")
CI = Actor("ci-pipeline", Role.APPLICATION, "ci-pipeline", ip="203.0.113.9")
STATES = "SELECT state FROM berth_events ORDER BY notification_id"
Process = Callable[..., Subjects]


@pytest.fixture
def process(journal_url: str) -> Iterator[Process]:
    """What another process would know of people: nothing yet."""
    opened: list[Subjects] = []

    def start(keys: dict[int, bytes] = FIRST) -> Subjects:
        opened.append(subjects_of(journal_url, Keyring(keys)))
        return opened[-1]

    yield start
    for subjects in opened:
        subjects.close()


def request(ticket: str, by: Actor) -> RequestLock:
    return RequestLock(by=by, ticket_id=ticket)


def happen(url: str, subjects: Subjects, *commands: RequestLock | ReleaseLock) -> None:
    async def scenario() -> None:
        async with stored(url, subjects) as rig:
            for command in commands:
                await rig.journal.execute(to("e", command))

    asyncio.run(scenario())


def begun(url: str, subjects: Subjects, *commands: RequestLock | ReleaseLock) -> None:
    async def scenario() -> None:
        async with stored(url, subjects) as rig:
            await begin(rig, "e")

    asyncio.run(scenario())
    happen(url, subjects, *commands)


def states(url: str) -> Sequence[bytes]:
    with psycopg.connect(url) as connection:
        return [bytes(state) for (state,) in connection.execute(STATES).fetchall()]


def read(url: str, subjects: Subjects) -> list[Recorded]:
    with closing(Database(url, subjects=subjects)) as database:
        found = asyncio.run(Past(database).at(range(1, 100)))
    return [found[position] for position in sorted(found)]


def every(records: Sequence[Recorded], kind: type[Event]) -> list[Any]:
    return [record for record in records if isinstance(record.event, kind)]


def only(records: Sequence[Recorded], kind: type[Event]) -> Any:
    [found] = every(records, kind)
    return found


def erased(url: str, subjects: Subjects, name: str) -> str:
    known = subjects.known(name)
    erasure = Erasure(url, subjects)
    erasure.finish(erasure.destroy(known))
    return known.erased_as


def test_the_half_forgotten_are_met_again(journal_url: str, process: Process) -> None:
    begun(journal_url, subjects := process(), request("a", ADA))
    subjects._memory.names.clear()  # There are more of them than of people.
    assert subjects.strangers([ADA]) == {ADA.id}
    happen(journal_url, subjects, request("b", ADA))


def test_the_journal_has_no_name_and_tells_every_name(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, process(), request("a", ADA), request("c", CI))
    whole = b"".join(states(journal_url))
    assert b"people.example" not in whole
    assert b"AdaBrowser" not in whole
    assert b"ci-pipeline" in whole, "an application is no person"
    requested = every(read(journal_url, process()), LockRequested)
    by_ada = next(r for r in requested if r.origin.by == ADA.id)
    assert isinstance(by_ada.event, LockRequested)
    assert by_ada.event.requested_by == ADA.id
    assert (by_ada.origin.ip, by_ada.origin.user_agent) == (ADA.ip, ADA.user_agent)
    assert any(r.origin.by == CI.id and r.origin.ip == CI.ip for r in requested)


def test_who_is_granted_a_lock_by_somebody_else_is_hidden_as_well(
    journal_url: str, process: Process
) -> None:
    """Through a process that has never seen them act."""
    begun(journal_url, process(), request("a", ADA), request("b", BOB))
    happen(journal_url, process(), ReleaseLock(by=ADA, ticket_id="a"))
    granted = every(read(journal_url, process()), LockGranted)
    assert [r.origin.by for r in granted] == [ADA.id, ADA.id]
    last = granted[-1].event
    assert isinstance(last, LockGranted)
    assert last.requested_by == BOB.id
    assert BOB.id.encode() not in b"".join(states(journal_url))


def test_two_who_need_a_key_at_once_get_the_same(
    journal_url: str, process: Process
) -> None:
    names = [f"p{n}@acme.example" for n in range(20)]
    racing = [process() for _ in range(4)]
    with ThreadPoolExecutor(len(racing)) as pool:
        [*pool.map(lambda subjects: subjects.meet(names), racing)]
    with psycopg.connect(journal_url) as connection:
        [(keys,)] = connection.execute(
            "SELECT count(*) FROM subject_key WHERE erased_as <> ''"
        ).fetchall()
    assert keys == len(names)


def test_once_the_key_is_gone_nobody_can_tell_who_it_was(
    journal_url: str, process: Process
) -> None:
    here, elsewhere = process(), process()
    release = ReleaseLock(by=ADA, ticket_id="a")
    begun(journal_url, here, request("a", ADA), request("b", BOB), release)
    before = states(journal_url)
    assert only(read(journal_url, elsewhere), LockReleased).origin.by == ADA.id
    shown = erased(journal_url, here, ADA.id)
    assert elsewhere.look() == 1, "which is asked every second"
    for subjects in here, elsewhere, process():
        subjects.look()
        records = read(journal_url, subjects)
        released = only(records, LockReleased)
        assert released.origin.by == released.event.requested_by == shown
        assert (released.origin.ip, released.origin.user_agent) == ("erased", "erased")
        granted = every(records, LockGranted)
        assert {r.event.requested_by for r in granted} == {shown, BOB.id}
    assert states(journal_url) == before, "a proof over the stored bytes still holds"


def test_whoever_comes_back_is_somebody_else(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, here := process(), request("a", ADA))
    shown = erased(journal_url, here, ADA.id)
    here.look()
    happen(journal_url, here, request("again", ADA))
    asked = every(read(journal_url, process()), LockRequested)
    assert [r.origin.by for r in asked] == [shown, ADA.id]
    assert erased(journal_url, here, ADA.id) == shown
    asked = every(read(journal_url, process()), LockRequested)
    assert [r.origin.by for r in asked] == [shown, shown]


def test_the_table_of_keys_names_nobody(journal_url: str, process: Process) -> None:
    subjects = process()
    begun(journal_url, subjects, request("a", ADA))
    erased(journal_url, subjects, ADA.id)
    with psycopg.connect(journal_url) as connection:
        rows = connection.execute(
            "SELECT digest, wrapped_key, key_version FROM subject_key"
            " WHERE erased_as = %s",
            [subjects.known(ADA.id).erased_as],
        ).fetchall()
    assert rows == [(None, None, None)]


def test_an_event_of_before_there_were_keys_is_read_as_it_is(
    journal_url: str, process: Process
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a", ADA)))

    asyncio.run(scenario())
    assert only(read(journal_url, process()), LockRequested).origin.by == ADA.id


def test_another_key_of_the_vault_takes_over_and_the_first_may_go(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, process(), request("a", ADA))
    rotated = rotate(journal_url, Keyring(FIRST | SECOND), lambda _: None)
    # Ada's, that of whoever began the environment, and the one that finds them.
    assert (rotated.credentials, rotated.subjects, rotated.left) == (0, 3, [])
    with closing(Database(journal_url)) as database:
        assert VaultUse(database).now().keys() == {2}
    assert only(read(journal_url, process(SECOND)), LockRequested).origin.by == ADA.id


def test_a_process_without_the_vaults_key_tells_nothing_and_erases_nothing(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, process(), request("a", ADA))
    with pytest.raises(VaultClosed):
        read(journal_url, process(SECOND))


def test_no_snapshot_keeps_a_name_that_was_erased_meanwhile(
    journal_url: str, process: Process
) -> None:
    """A process that has not noticed would write one down, with all it remembers."""

    async def scenario() -> None:
        async with stored(journal_url, stale := process()) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a", ADA)))
            await rig.journal.execute(to("e", ReleaseLock(by=ADA, ticket_id="a")))
            await rig.journal.execute(to("e", request("b", BOB)))  # So he is known.
            await rig.journal.execute(to("e", ReleaseLock(by=BOB, ticket_id="b")))
            erased(journal_url, process(), ADA.id)
            for number in range(SNAPSHOT_EVERY // 2):
                ticket = f"t{number}"
                release = ReleaseLock(by=BOB, ticket_id=ticket)
                both = to("e", request(ticket, BOB)), to("e", release)
                await rig.journal.execute(*both)
            assert snapshots(journal_url) == []
            await asyncio.to_thread(stale.look)
            await rig.journal.execute(to("e", request("last", BOB)))

    asyncio.run(scenario())
    [state] = snapshots(journal_url)
    assert BOB.id.encode() in state
    assert ADA.id.encode() not in state


def snapshots(url: str) -> Sequence[bytes]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT state FROM snapshot").fetchall()
    return [bytes(state) for (state,) in rows]


def test_a_rebuild_that_has_read_a_name_since_erased_does_not_come_to_show(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, here := process(), request("a", ADA))
    with closing(Database(journal_url, pool_max=2, subjects=here)) as database:
        building = rebuild(database, [environment_listing])
        next(building)
        erased(journal_url, here, ADA.id)
        with pytest.raises(RebuildError, match="erased"):
            list(building)
        shown = [*rebuild(database, [environment_listing])]
    assert shown


def test_a_view_is_not_told_a_name_by_a_process_that_has_not_noticed(
    journal_url: str, process: Process
) -> None:
    begun(journal_url, stale := process(), request("a", ADA))
    assert only(read(journal_url, stale), LockRequested).origin.by == ADA.id
    shown = erased(journal_url, process(), ADA.id)
    with closing(Database(journal_url, subjects=stale)) as database:
        ViewStore(database).advance(environment_listing)
    with psycopg.connect(journal_url) as connection:
        rows = connection.execute("SELECT requested_by FROM lock_ticket").fetchall()
    assert rows == [(shown,)]
