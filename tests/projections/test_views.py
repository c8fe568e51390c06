"""Views say the same however the journal is read, and cost the same however long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import JSONTranscoder
from psycopg import sql
from psycopg.rows import dict_row

from domain.catalog import tag
from domain.environment.events import EnvironmentRetired, EnvironmentRevised
from domain.event import Event
from domain.record import Recorded, origin_of
from domain.roles import Role
from domain.task.events import (
    Order,
    Submitter,
    TaskCompleted,
    TaskStarted,
    TaskSubmitted,
)
from projections.environment_listing import sql as listing_sql
from projections.storage.beside import Beside, RebuildError
from projections.storage.checkpoint import ViewStore, read
from projections.storage.database import Database
from projections.storage.mapper import EventMapper
from projections.storage.rebuild import Stage, rebuild
from projections.view import View
from projections.views import VIEWS
from tests.golden.examples import EXAMPLES, recorded
from tests.projections.story import STORY
from tests.support.builders import (
    OWNER,
    at,
    registered,
)
from tests.support.swept import swept

each_view = pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
INSERT = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
VALUES (%s, %s, %s, %s, %s)
"""
INDEXES_OF = "SELECT indexname FROM pg_indexes WHERE schemaname = %s"
MANY = """
INSERT INTO environment
SELECT n::text, 'p', 'n', false, 0, '{}', now(), 'o', now(), 'o'
FROM generate_series(1, 50000) AS n;
INSERT INTO lock_ticket
SELECT n::text, 'e', n, 'queued', 'c', NULL, NULL, 60, now(), now()
FROM generate_series(1, 50000) AS n;
INSERT INTO chosen_default SELECT n::text FROM generate_series(1, 50000) AS n
"""


@pytest.fixture
def journal_of_all(own_journal_url: str) -> str:
    append(own_journal_url, STORY)
    return own_journal_url


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def append(url: str, story: Sequence[tuple[str, Event]]) -> None:
    mapper = EventMapper(JSONTranscoder())
    with psycopg.connect(url) as connection:
        [[tip]] = connection.execute(
            "SELECT coalesce(max(notification_id), 0) FROM berth_events"
        ).fetchall()
        for position, (stream, event) in enumerate(story, tip + 1):
            origin = origin_of(OWNER, at(position))
            record = Recorded(stream, position, position, f"e{position}", event, origin)
            stored = mapper.to_stored_event(record)
            values = (stream, position, stored.topic, stored.state, position)
            connection.execute(INSERT, values)


def rows_of(url: str, view: View) -> list[list[dict[str, Any]]]:
    """Every table of the view, its rows in an order of their own, once swept."""
    swept(url)
    return unswept_rows_of(url, view)


def unswept_rows_of(url: str, view: View) -> list[list[dict[str, Any]]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return [
            connection.execute(
                sql.SQL("SELECT t.* FROM {} AS t ORDER BY to_jsonb(t)::text").format(
                    sql.Identifier(table)
                )
            ).fetchall()
            for table in view.tables
        ]


def rebuilt(database: Database, view: View) -> None:
    for _ in rebuild(database, [view]):
        pass


@each_view
def test_a_view_is_shown_the_events_that_it_uses_and_no_others(view: View) -> None:
    used = {
        type(event)
        for event in EXAMPLES
        if any(rows for _, rows in view.project([recorded(event)]))
    }
    assert {tag(event) for event in used} == set(view.topics)


@each_view
def test_the_same_rows_come_out_however_the_journal_is_cut(
    journal_of_all: str, database: Database, view: View
) -> None:
    store = ViewStore(database)
    while read := store.advance(view, limit=1):
        assert read == 1
    assert store.lag(view.name).checkpoint == len(STORY)
    assert all(unswept_rows_of(journal_of_all, view))
    one_by_one = rows_of(journal_of_all, view)

    rebuilt(database, view)
    assert rows_of(journal_of_all, view) == one_by_one
    assert store.lag(view.name).checkpoint == len(STORY)
    assert store.advance(view) == 0


def test_names_that_change_within_a_batch_and_across_are_the_same(
    own_journal_url: str, database: Database
) -> None:
    view, names = VIEWS["environment_history"], ("b", "c", "d", "e")
    story: list[tuple[str, Event]] = [("uat", registered(name="a"))]
    story += [("uat", EnvironmentRevised(name=name)) for name in names]
    append(own_journal_url, [*story, ("uat", EnvironmentRetired())])
    store = ViewStore(database)
    while store.advance(view, limit=3):
        pass
    in_two = rows_of(own_journal_url, view)
    assert [row["until"] - row["since"] for row in in_two[0]] == [1] * 5
    assert {row["repository"] for row in in_two[0]} == {registered().repository}
    rebuilt(database, view)
    assert rows_of(own_journal_url, view) == in_two


@each_view
def test_the_same_rows_come_out_if_a_batch_may_have_few_bytes(
    journal_of_all: str,
    database: Database,
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rebuilt(database, view)
    in_one = rows_of(journal_of_all, view)
    monkeypatch.setattr("projections.storage.checkpoint.BATCH_BYTES_MAX", 1_000)
    read = [p for p in rebuild(database, [view]) if p.stage is Stage.READING]
    positions = [progress.position for progress in read]
    assert len(positions) > 1
    assert positions == sorted(set(positions))
    assert positions[-1] == len(STORY)
    assert rows_of(journal_of_all, view) == in_one


@pytest.mark.usefixtures("journal_of_all")
def test_events_that_fill_a_batch_to_the_byte_leave_none_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, every = VIEWS["audit_log"], len(STORY)
    with closing(database.connect()) as connection:
        whole = read(connection, view.topics, 0, every, None).records
        sizes = connection.execute(
            "SELECT octet_length(state) AS bytes FROM berth_events"
            " WHERE notification_id = ANY(%s) ORDER BY notification_id",
            [[record.position for record in whole]],
        ).fetchall()
        for number in (1, 2, 3):
            size = sum(row["bytes"] for row in sizes[:number])
            monkeypatch.setattr("projections.storage.checkpoint.BATCH_BYTES_MAX", size)
            after, found = 0, list[Recorded]()
            while after < every:
                page = read(connection, view.topics, after, every, None)
                after, found = page.upto, [*found, *page.records]
            assert found == whole


def test_a_batch_of_large_results_is_cut_by_its_bytes(
    own_journal_url: str, database: Database
) -> None:
    order, ci = Order("build", {}), Submitter("ci", Role.APPLICATION)
    story: list[tuple[str, Event]] = []
    for number in range(50):
        stream = f"tasks/{number}"
        story.append((stream, TaskSubmitted(order, ci, at(0))))
        story.append((stream, TaskStarted(1, "lease", "worker", at(60))))
        story.append((stream, TaskCompleted(1, "x" * (250 << 10))))
    append(own_journal_url, story)
    store, view, reads = ViewStore(database), VIEWS["task_board"], list[int]()
    while read := store.advance(view):
        reads.append(read)
    assert (len(reads), sum(reads)) == (2, len(story))
    assert reads[0] * (250 << 10) // 3 < 9 << 20


@each_view
def test_a_rebuilt_view_goes_on_where_the_rebuild_ended(
    own_journal_url: str, database: Database, view: View
) -> None:
    store = ViewStore(database)
    half = len(STORY) // 2
    append(own_journal_url, STORY[:half])
    store.advance(view)
    rebuilding = rebuild(database, [view])
    next(rebuilding)
    append(own_journal_url, STORY[half:])
    store.advance(view, limit=3)
    list(rebuilding)
    assert store.lag(view.name).checkpoint == len(STORY)
    with_news = rows_of(own_journal_url, view)
    rebuilt(database, view)
    assert rows_of(own_journal_url, view) == with_news


def test_of_two_rebuilds_at_once_the_later_one_wins(
    journal_of_all: str, database: Database
) -> None:
    view = VIEWS["audit_log"]
    early = rebuild(database, [view])
    next(early)
    late = rebuild(database, [view])
    next(late)
    list(late)
    found = rows_of(journal_of_all, view)
    with pytest.raises(RebuildError):
        list(early)
    assert rows_of(journal_of_all, view) == found
    assert ViewStore(database).lag(view.name).checkpoint == len(STORY)


@each_view
def test_while_it_is_filled_it_has_the_indexes_that_its_writes_use(
    database: Database, view: View
) -> None:
    with database.transaction(commit=True) as cursor:
        Beside(database, view).make_room(cursor)
    with database.cursor() as cursor:
        found = cursor.execute(INDEXES_OF, [f"rebuild_{view.name}"]).fetchall()
    assert {*view.used_indexes} <= {row["indexname"] for row in found}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("revise_environments", "environment_pkey"),
        ("set_defaults", "environment_pkey"),
        ("raise_fences", "environment_pkey"),
        ("change_reviews", "environment_pkey"),
        ("change_tickets", "lock_ticket_pkey"),
    ],
)
def test_a_change_is_found_by_its_key_though_first_planned_when_nothing_was_there(
    database: Database, name: str, key: str
) -> None:
    statement = listing_sql[name].replace("%(rows)s", "$1").rstrip("; \n")
    with database.transaction(commit=False) as cursor:
        cursor.execute(f"PREPARE change AS {statement}")
        for _ in range(8):
            cursor.execute("EXECUTE change('[]')")
        cursor.execute(MANY)
        ViewStore(database).turn(cursor, "environment_listing")
        cursor.execute("EXPLAIN EXECUTE change('[]')")
        steps = "\n".join(row["QUERY PLAN"] for row in cursor.fetchall())
    assert key in steps
    assert "Seq Scan" not in steps
