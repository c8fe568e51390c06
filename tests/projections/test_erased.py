"""Nothing that is made of the journal tells who it was, whenever it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from domain.environment.chronicle import chronicle
from domain.environment.lock import ReleaseLock
from projections.catch_up import CatchUp
from projections.storage import time_travel
from projections.storage.beside import RebuildError
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.erasure import Erasure
from projections.storage.rebuild import rebuild
from projections.storage.subjects import Subjects
from projections.storage.time_travel import LATEST, TimeTravel
from projections.view import View
from projections.views import VIEWS
from tests.projections.test_subjects import (
    ADA,
    BOB,
    Process,
    begun,
    erased,
    process,
    request,
)
from tests.projections.test_views import rows_of

__all__ = ["process"]
ALL = [*VIEWS.values()]
SNAPSHOTS = "SELECT state FROM history_snapshot ORDER BY position"

WAITING = """
SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'berth-erasure' AND wait_event_type = 'Lock'
"""


@pytest.fixture
def url(journal_url: str, process: Process) -> str:
    """Ada has had the lock, and then Bob."""
    begun(
        journal_url,
        process(),
        request("a", ADA),
        request("b", BOB),
        ReleaseLock(by=ADA, ticket_id="a"),
        ReleaseLock(by=BOB, ticket_id="b"),
    )
    return journal_url


@pytest.fixture
def stale(url: str, process: Process) -> Iterator[Database]:
    """Of a process that remembers everybody, and is not told who is erased."""
    subjects = process()
    with closing(Database(url, pool_max=len(ALL), subjects=subjects)) as database:
        ViewStore(database).news(ALL, 0, 100)
        yield database


def told(url: str, views: list[View] = ALL) -> str:
    return str([rows_of(url, view) for view in views])


def keep_up(database: Database) -> None:
    asyncio.run(CatchUp(ALL, ViewStore(database)).run_once())


def erase(url: str, subjects: Subjects, name: str) -> str:
    """What is done once it is on record."""
    known, erasure = subjects.known(name), Erasure(url, subjects)
    key_ids = erasure.destroy(known)
    subjects.look()
    erasure.forget_snapshots(name)
    erasure.show_erased(ALL, name, known)
    erasure.finish(key_ids)
    return known.erased_as


def test_news_that_were_read_before_an_erasure_are_shown_by_no_view_after_it(
    url: str, stale: Database, process: Process
) -> None:
    store = ViewStore(stale)
    tip = store.lag("").tip
    news = store.news(ALL, 0, tip)
    assert ADA.id in str(news.records)
    first, *others = ALL
    store.advance(first)
    shown = erase(url, process(), ADA.id)
    assert not store.follow(others, 0, news)
    keep_up(stale)
    assert {store.lag(view.name).checkpoint for view in ALL} == {tip}
    assert ADA.id not in told(url)
    assert shown in told(url)


def test_who_projects_while_somebody_is_erased_leaves_no_name_behind(
    url: str, process: Process
) -> None:
    """What he has not committed yet cannot be seen: the erasure waits for him."""
    view = VIEWS["audit_log"]
    with (
        closing(Database(url, subjects=process(), idle_ms=60_000)) as database,
        ThreadPoolExecutor(max_workers=1) as elsewhere,
    ):
        with database.transaction(commit=True) as cursor:
            ViewStore(database).advance_within(cursor, view.name, view, 100)
            erasing = elsewhere.submit(erase, url, process(), ADA.id)
            with psycopg.connect(url, autocommit=True) as looking:
                while not (erasing.done() or looking.execute(WAITING).fetchall()):
                    pass
        shown = erasing.result()
    assert ADA.id not in told(url, [view])
    assert shown in told(url, [view])


def test_what_is_rebuilt_after_an_erasure_is_what_was_there(
    url: str, stale: Database, process: Process
) -> None:
    keep_up(stale)
    before = told(url)
    shown = erase(url, process(), ADA.id)
    live = told(url)
    assert live == before.replace(ADA.id, shown).replace(
        f"'{ADA.ip}', 'user_agent': '{ADA.user_agent}'",
        "'erased', 'user_agent': 'erased'",
    )
    assert [*rebuild(stale, ALL)]
    assert told(url) == live


@pytest.mark.parametrize("is_far", [False, True])
def test_of_several_views_none_takes_over_that_was_filled_before_an_erasure(
    url: str, stale: Database, process: Process, is_far: bool
) -> None:
    keep_up(stale)
    building = rebuild(stale, ALL)
    for _ in range(3 if is_far else 1):
        next(building)
    shown = erase(url, process(), ADA.id)
    with pytest.raises(RebuildError, match="somebody was erased meanwhile"):
        list(building)
    assert ADA.id not in told(url)
    assert [*rebuild(stale, ALL)]
    assert shown in told(url)


def past_of(database: Database) -> str:
    """As it was after each of the first events."""
    travel = TimeTravel(database)

    async def looking() -> str:
        positions = range(1, 9)
        return str([await travel.states(chronicle, ["e"], p) for p in positions])

    return asyncio.run(looking())


def snapshots(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        rows = connection.execute(SNAPSHOTS).fetchall()
    return b"".join(bytes(state) for (state,) in rows)


def test_snapshots_of_the_past_are_dropped_and_made_anew_without_the_name(
    url: str, stale: Database, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 1)
    past_of(stale)
    assert ADA.id.encode() in snapshots(url)
    shown = erase(url, process(), ADA.id)
    assert ADA.id.encode() not in snapshots(url)
    past = past_of(stale)
    assert (ADA.id in past, shown in past) == (False, True)
    assert ADA.id.encode() not in snapshots(url)
    assert shown.encode() in snapshots(url)


def test_what_was_folded_of_the_past_before_an_erasure_is_not_kept_after_it(
    url: str, stale: Database, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By somebody who is at it for as long as an erasure takes."""
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 1)
    travel, keep, kept = TimeTravel(stale), TimeTravel._keep, list[bytes]()

    def late(self: TimeTravel, *what: object) -> None:
        erase(url, process(), ADA.id)
        keep(self, *what)  # type: ignore[arg-type]
        kept.append(snapshots(url))

    monkeypatch.setattr(TimeTravel, "_keep", late)
    asyncio.run(travel.states(chronicle, ["e"], LATEST))
    assert kept == [b""]


def test_nobody_keeps_a_snapshot_made_of_one_that_was_not_dropped_yet(
    url: str, stale: Database, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who read the past all the time, while somebody is erased."""
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 1)
    past_of(stale)
    is_over: list[bool] = []

    def go_on() -> int:
        rounds = 0
        while not is_over:
            past_of(stale)
            rounds += 1
        return rounds

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(go_on) for _ in range(2)]
        try:
            erase(url, process(), ADA.id)
        finally:
            is_over.append(True)
        assert all(reader.result() for reader in readers)
    past_of(stale)
    assert ADA.id.encode() not in snapshots(url)


def test_nobody_keeps_one_made_between_the_steps_of_an_erasure(
    url: str, stale: Database, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that still had the name, by a reader who knows that the key is gone."""
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 1)
    past_of(stale)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM history_snapshot WHERE position > 3")
    subjects = process()
    erasure, keep = Erasure(url, subjects), TimeTravel._keep
    erasure.destroy(subjects.known(ADA.id))

    def late(self: TimeTravel, *what: object) -> int:
        erasure.forget_snapshots(ADA.id)
        return keep(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(TimeTravel, "_keep", late)
    asyncio.run(TimeTravel(stale).states(chronicle, ["e"], LATEST))
    assert ADA.id.encode() not in snapshots(url)


def test_a_key_that_is_only_destroyed_is_shown_as_erased_as_well(
    url: str, stale: Database, process: Process
) -> None:
    shown = erased(url, process(), ADA.id)
    keep_up(stale)
    assert (ADA.id in told(url), shown in told(url)) == (False, True)
