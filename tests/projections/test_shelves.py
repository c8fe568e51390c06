"""What tasks came to is kept for so many days, and what is dropped stays dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from eventsourcing.persistence import JSONTranscoder
from psycopg.rows import dict_row
from structlog.testing import capture_logs

from domain.clock import utc_now
from domain.errors import JournalUnavailable
from domain.event import Event
from domain.record import Recorded, origin_of
from domain.roles import Role
from domain.task.events import (
    FailureReason,
    Order,
    Submitter,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
    TaskStalled,
    TaskStarted,
    TaskSubmitted,
)
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.mapper import EventMapper
from projections.storage.rebuild import rebuild
from projections.storage.shelves import Kind, Shelves
from projections.storage.task_log import ATTEMPT_BYTES_MAX, CUT, TaskLog
from projections.task_board import project, task_board
from tests.projections.test_views import INSERT
from tests.support.builders import OWNER
from workers.task_retention import TaskRetention

NOW = utc_now()
MAPPER = EventMapper(JSONTranscoder())
FAILED = TaskFailed(1, FailureReason.ERROR, "no")
DONE = TaskCompleted(1, None)
SCHEDULE: LiteralString = """
INSERT INTO schedule VALUES (
    %(id)s, 1, 'check', 'low', NULL, NULL, NULL, 'ci', 'ci', now(), %(state)s, NULL,
    NULL, 0, 0, NULL, false, NULL, %(ended)s
)
"""
TODAY = "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date"
SHELVES = """
SELECT inhrelid::regclass::text AS name FROM pg_inherits
WHERE inhparent IN ('ended_task'::regclass, 'task_log'::regclass) ORDER BY 1
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def ended(number: int, at: datetime, end: Event) -> list[Recorded]:
    """A task's whole life, at one instant."""
    submitter = Submitter("ci", Role.APPLICATION, None)
    events = (
        TaskSubmitted(Order("check", {}), submitter, at),
        TaskStarted(1, "lease", "w-1", at),
        end,
    )
    origin = origin_of(OWNER, at)
    stream = f"tasks/{number}"
    return [
        Recorded(stream, v, 3 * number + v, f"e{number}-{v}", event, origin)
        for v, event in enumerate(events, 1)
    ]


def append(url: str, records: list[Recorded]) -> None:
    with psycopg.connect(url) as connection:
        for record in records:
            stored = MAPPER.to_stored_event(record)
            values = (
                record.originator_id,
                record.originator_version,
                stored.topic,
                stored.state,
                record.position,
            )
            connection.execute(INSERT, values)


def query(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        found = connection.execute(statement.encode()).fetchall()
        return [next(iter(row.values())) for row in found]


def kept(url: str) -> list[Any]:
    return query(url, "SELECT operation_id FROM ended_task ORDER BY 1")


def test_what_is_old_is_dropped_by_the_day_and_failures_are_kept_longer(
    own_journal_url: str, database: Database
) -> None:
    story = [(0.0, DONE), (6, DONE), (9, DONE), (9, FAILED), (29, FAILED), (32, FAILED)]
    for number, (days, end) in enumerate(story):
        append(own_journal_url, ended(number, ago(days), end))
    store = ViewStore(database)
    while store.advance(task_board, limit=2):
        pass  # So that each is begun before it ends.
    assert kept(own_journal_url) == ["0", "1", "2", "3", "4", "5"]
    retention = TaskRetention(Shelves(database), 7, 30)
    assert asyncio.run(retention.run_once()) == 2
    assert kept(own_journal_url) == ["0", "1", "3", "4"]
    assert asyncio.run(retention.run_once()) == 0

    list(rebuild(database, [task_board]))
    assert kept(own_journal_url) == ["0", "1", "3", "4"]
    append(own_journal_url, ended(6, ago(8), DONE) + ended(7, ago(1), DONE))
    while store.advance(task_board):
        pass
    assert kept(own_journal_url) == ["0", "1", "3", "4", "7"]
    assert query(own_journal_url, "SELECT operation_id FROM task") == []


def test_each_shelf_is_dropped_by_itself(
    own_journal_url: str, database: Database
) -> None:
    for number, days in enumerate((12, 11, 10)):
        append(own_journal_url, ended(number, ago(days), DONE))
    while ViewStore(database).advance(task_board):
        pass
    retention = TaskRetention(Shelves(database), 7, 30)
    with psycopg.connect(own_journal_url) as reader:
        reader.execute(f"SELECT FROM ended_task_completed_{ago(10):%Y%m%d}".encode())
        with pytest.raises(JournalUnavailable):
            asyncio.run(retention.run_once())
        assert kept(own_journal_url) == ["2"]
    assert asyncio.run(retention.run_once()) == 1
    assert kept(own_journal_url) == []


def test_each_kind_is_kept_for_its_own_time(
    own_journal_url: str, database: Database
) -> None:
    """What a task wrote outlives the task, which may have begun long before its end."""
    before = oldest_now(own_journal_url)
    asyncio.run(TaskRetention(Shelves(database), 7, 30).run_once())
    after = oldest_now(own_journal_url)
    kept = query(own_journal_url, "SELECT oldest FROM kept_shelf ORDER BY 1")
    assert kept in (before, after)


def oldest_now(url: str) -> list[str]:
    """The shelves that are kept by now, in the database's eyes."""
    [today] = query(url, TODAY)
    days = {"completed": 7, "failed": 30, "log": 37, "sent": 7}
    return [f"{kind}_{today - timedelta(days=n):%Y%m%d}" for kind, n in days.items()]


def test_the_oldest_that_is_to_be_kept_is_kept(
    own_journal_url: str, database: Database
) -> None:
    shelves = Shelves(database)
    asyncio.run(shelves.keep({Kind.SENT: 7}))
    [oldest] = query(own_journal_url, "SELECT oldest FROM kept_shelf")
    for name in oldest, "sent_20200101":
        query(own_journal_url, f"SELECT make_shelf('webhook_attempt', '{name}')")
    assert asyncio.run(shelves.keep({Kind.SENT: 90})) == 1
    [there] = query(own_journal_url, f"SELECT to_regclass('webhook_attempt_{oldest}')")
    assert there


def test_what_was_dropped_does_not_come_back_when_more_is_to_be_kept(
    own_journal_url: str, database: Database
) -> None:
    append(own_journal_url, ended(0, ago(5), DONE))
    for days in 2, 90:
        asyncio.run(TaskRetention(Shelves(database), days, 30).run_once())
        list(rebuild(database, [task_board]))
        assert kept(own_journal_url) == []


@pytest.mark.parametrize(("days", "said"), [(34, []), (35, [65])])
def test_more_days_than_postgresql_has_locks_for_are_told_once(
    database: Database, days: int, said: list[int]
) -> None:
    retention = TaskRetention(Shelves(database), days, 30)
    with capture_logs() as logs:
        for _ in range(2):
            asyncio.run(retention.run_once())
    assert [line["wanted"] for line in logs] == said


def test_recurring_tasks_that_are_over_go_with_the_last_of_what_they_fired(
    own_journal_url: str, database: Database
) -> None:
    values: list[dict[str, Any]] = [
        {"id": "going", "state": "pending", "ended": None},
        {"id": "over", "state": "cancelled", "ended": ago(29)},
        {"id": "long over", "state": "completed", "ended": ago(32)},
    ]
    with psycopg.connect(own_journal_url) as connection:
        connection.cursor().executemany(SCHEDULE, values)
    asyncio.run(TaskRetention(Shelves(database), 7, 30).run_once())
    left = query(own_journal_url, "SELECT id FROM schedule ORDER BY id")
    assert left == ["going", "over"]


def test_shelves_are_there_before_they_are_needed(
    own_journal_url: str, database: Database
) -> None:
    before = names_now(own_journal_url)
    asyncio.run(Shelves(database).keep({Kind.COMPLETED: 7}))
    after = names_now(own_journal_url)
    # It may be midnight.
    assert query(own_journal_url, SHELVES) in (before, after)


PARENTS = ("ended_task_completed", "ended_task_failed", "task_log_log")


def names_now(url: str) -> list[str]:
    """Of the shelves of today and tomorrow, in the database's eyes."""
    [today] = query(url, TODAY)
    days = [f"{today + timedelta(days=ahead):%Y%m%d}" for ahead in (0, 1)]
    return [f"{parent}_{day}" for parent in PARENTS for day in days]


def test_of_one_task_s_progress_a_batch_writes_the_last() -> None:
    origin = origin_of(OWNER, NOW)
    records = [
        Recorded("tasks/a", v, v, f"e{v}", TaskProgressed(1, v, f"{v}"), origin)
        for v in range(1, 100)
    ]
    writes = [rows for _, rows in project(records) if rows]
    assert writes == [[{"operation_id": "a", "percent": 99, "message": "99"}]]


def test_what_was_put_off_shows_no_failure() -> None:
    origin = origin_of(OWNER, NOW)
    event = TaskStalled(1, NOW, is_put_off=True)
    record = Recorded("tasks/a", 1, 1, "e1", event, origin)
    rows: list[Any] = [row for _, rows in project([record]) for row in rows]
    [row] = rows
    assert (row["state"], row["ready_at"]) == ("pending", NOW)
    assert not [name for name in row if name.startswith(("error", "fail"))]


def test_a_log_is_bounded_and_says_so(database: Database) -> None:
    log = TaskLog(database)
    assert asyncio.run(log.append("a", 1, "begun\n"))
    assert not asyncio.run(log.append("a", 1, "é" * ATTEMPT_BYTES_MAX))
    assert not asyncio.run(log.append("a", 1, "more"))
    assert asyncio.run(log.append("a", 2, "again"))
    first, second = asyncio.run(log.read("a"))
    assert first.content.startswith("begun\né")
    assert first.content.endswith(f"é{CUT}")
    assert len(first.content.encode()) <= ATTEMPT_BYTES_MAX + len(CUT)
    assert second == (2, "again")
    assert asyncio.run(log.read("a", 2)) == [second]
    assert asyncio.run(log.read("b")) == []


def test_of_many_attempts_the_latest_ten_are_read(database: Database) -> None:
    log = TaskLog(database)
    for attempt in range(1, 13):
        asyncio.run(log.append("a", attempt, "text"))
    assert [one.attempt for one in asyncio.run(log.read("a"))] == list(range(3, 13))


def test_a_log_goes_once_it_is_older_than_any_task_is_kept(
    own_journal_url: str, database: Database
) -> None:
    asyncio.run(TaskLog(database).append("a", 1, "text"))
    old = """
        SELECT make_shelf('task_log', 'log_20200101');
        INSERT INTO task_log VALUES ('b', 1, 4, 'text', 'log_20200101')
    """
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(old)
    assert asyncio.run(TaskRetention(Shelves(database), 7, 30).run_once()) == 1
    assert query(own_journal_url, "SELECT operation_id FROM task_log") == ["a"]
