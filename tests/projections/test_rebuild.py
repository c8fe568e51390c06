"""A view that is built anew has the very rows of the one that was kept up live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from psycopg import sql

from domain.record import Recorded
from projections.catch_up import BEHIND_MAX, CatchUp
from projections.rebuild import IDLE_MS
from projections.storage.beside import RebuildError
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.rebuild import Stage, rebuild
from projections.view import View
from projections.views import VIEWS
from tests.projections.story import STORY
from tests.projections.test_views import append
from tests.support.history.traffic import Load, history
from tests.support.journal_rows import copy_rows, put, rows_of
from tests.support.running import until
from tests.support.servers import Servers, fresh_database, migrated_database

SEED = 20_260_105
BEGIN = datetime(2026, 1, 5, 6, tzinfo=UTC)
SPAN = timedelta(days=1, hours=11)
LOAD = Load(
    environments=10,
    deployments=100,
    tasks=500,
    looks=4_000,
    reviews=20,
    work_seconds=(20, 150),
)
EVENTS = 20_000
LATE = 6_000  # So many of them come while the views are rebuilt.
CHUNK = 450
PAGE, LAST = 3_000, 300  # At once: a third of what it is else.
ALL = [*VIEWS.values()]
WAITING = (
    "SELECT FROM pg_locks WHERE NOT granted AND relation = 'audit_record'::regclass"
)

WAITERS = (
    "SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture(scope="module")
def past() -> Sequence[Recorded]:
    """Locks, releases, tasks, webhooks, accesses: in the order of days of traffic."""
    records = history(SEED, BEGIN, BEGIN + SPAN, LOAD).records
    assert len(records) >= EVENTS
    return records[:EVENTS]


@pytest.fixture(scope="module")
def early_url(servers: Servers, past: Sequence[Recorded]) -> Iterator[str]:
    """Without those that come late; its views are up to date, as they were kept up."""
    with migrated_database(servers) as url:
        for at in range(0, EVENTS - LATE, BEHIND_MAX):
            put(url, past[at : min(at + BEHIND_MAX, EVENTS - LATE)])
            keep_up(url)
        yield url


@pytest.fixture(scope="module")
def live_url(
    servers: Servers, early_url: str, past: Sequence[Recorded]
) -> Iterator[str]:
    """The same, once all of them have come."""
    name = early_url.partition("?")[0].rpartition("/")[2]
    with fresh_database(servers.database_url, template=name) as url:
        put(url, past[-LATE:])
        keep_up(url)
        yield url


def keep_up(url: str) -> None:
    with closing(Database(url, idle_ms=IDLE_MS)) as database:
        asyncio.run(CatchUp(ALL, ViewStore(database)).run_once())


def rows(url: str, view: View) -> dict[str, list[str]]:
    """Of each table, in any order, as long as it is the same one."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as connection:
        for table in view.tables:
            query = sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t")
            rows = connection.execute(query.format(sql.Identifier(table)))
            found[table] = sorted(text for (text,) in rows)
    return found


def test_all_at_once_while_events_come_and_readers_read(
    early_url: str,
    live_url: str,
    past: Sequence[Recorded],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("projections.storage.rebuild.BATCH", PAGE)
    monkeypatch.setattr("projections.storage.beside.LAST_MAX", LAST)
    coming = [past[at : at + CHUNK] for at in range(EVENTS - LATE, EVENTS, CHUNK)]
    stages: list[Stage] = []
    with (
        closing(
            Database(early_url, pool_max=len(ALL), patient=True, idle_ms=IDLE_MS)
        ) as database,
        psycopg.connect(early_url, autocommit=True) as connection,
    ):
        store = ViewStore(database)
        for progress in rebuild(database, ALL):
            stages.append(progress.stage)
            if coming:
                with connection.transaction(), connection.cursor() as cursor:
                    copy_rows(cursor, rows_of(coming.pop(0)))
                store.advance(VIEWS["environment_listing"])
        assert stages[-1] is Stage.SWAPPING
        assert stages.count(Stage.READING) >= (EVENTS - LATE) / PAGE
        assert len(coming) < LATE / CHUNK / 2
        assert all(store.lag(view.name).checkpoint > EVENTS - LATE for view in ALL)
    with psycopg.connect(early_url) as connection, connection.cursor() as cursor:
        for chunk in coming:
            copy_rows(cursor, rows_of(chunk))
    keep_up(early_url)
    for view in ALL:
        assert rows(early_url, view) == rows(live_url, view)


@pytest.mark.parametrize("name", ["environment_listing", "task_board"])
def test_one_by_itself(live_url: str, name: str) -> None:
    """One of tables that refer to each other, and one of shelves."""
    view = VIEWS[name]
    before = rows(live_url, view)
    assert any(before.values())
    with closing(Database(live_url, patient=True, idle_ms=IDLE_MS)) as database:
        [*_, last] = rebuild(database, [view])
    assert (last.position, last.tip) == (EVENTS, EVENTS)
    assert rows(live_url, view) == before


def test_whoever_reads_one_table_and_then_the_other_is_not_in_its_way(
    own_journal_url: str,
) -> None:
    with (
        closing(Database(own_journal_url, patient=True, idle_ms=IDLE_MS)) as database,
        psycopg.connect(own_journal_url) as reader,
        psycopg.connect(own_journal_url, autocommit=True) as looking,
        ThreadPoolExecutor(max_workers=1) as threads,
    ):
        reader.execute("SELECT FROM audit_record")
        rebuilding = threads.submit(lambda: [*rebuild(database, [VIEWS["audit_log"]])])
        until(lambda: bool(looking.execute(WAITING).fetchall()))
        reader.execute("SELECT FROM audited_environment")
        reader.commit()
        assert rebuilding.result()


def test_a_view_that_is_always_read_is_left_as_it_is(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.storage.beside.TRIES_MAX", 2)
    with (
        closing(Database(own_journal_url, patient=True, idle_ms=IDLE_MS)) as database,
        psycopg.connect(own_journal_url) as reader,
    ):
        reader.execute("SELECT FROM audit_record")
        with pytest.raises(RebuildError, match="always being read"):
            [*rebuild(database, [VIEWS["audit_log"]])]
        reader.commit()
        assert [*rebuild(database, [VIEWS["audit_log"]])]


def test_of_two_that_begin_at_once_one_is_done_and_the_other_refused(
    own_journal_url: str,
) -> None:
    append(own_journal_url, STORY)
    views = [VIEWS["environment_listing"], VIEWS["audit_log"]]
    with (
        closing(Database(own_journal_url, pool_max=4, patient=True)) as database,
        psycopg.connect(own_journal_url) as in_the_way,
        psycopg.connect(own_journal_url, autocommit=True) as looking,
        ThreadPoolExecutor(max_workers=2) as threads,
    ):

        def wait(number: int) -> bool:
            return len(looking.execute(WAITERS).fetchall()) == number

        in_the_way.execute("LOCK TABLE audit_record IN ACCESS EXCLUSIVE MODE")
        both = []
        for waiting in (1, 2):
            both.append(threads.submit(lambda: [*rebuild(database, views)]))
            until(partial(wait, waiting))
        in_the_way.rollback()
        [refusal] = [error for one in both if (error := one.exception())]
    assert isinstance(refusal, RebuildError)
