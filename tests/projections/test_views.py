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

from domain.access import AccessRefused, EnvironmentRead, stream_of
from domain.catalog import tag
from domain.environment.events import (
    Category,
    CredentialsDisclosed,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.event import Event
from domain.org import DefaultDevHubChosen, OrgRegistered, OrgRemoved
from domain.project_events import (
    DefaultChosen,
    EnvironmentsOrdered,
    ProjectRegistered,
    ProjectRevised,
)
from domain.record import Recorded, origin_of
from domain.release import ReleasePublished
from domain.token import TokenIssued, TokenRevoked
from projections.environment_listing import sql as listing_sql
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.mapper import EventMapper
from projections.storage.rebuild import RebuildError, rebuild
from projections.view import View
from projections.views import VIEWS
from tests.golden.examples import EXAMPLES, recorded
from tests.projections.recurring import RECURRING
from tests.support.builders import (
    OWNER,
    acquired,
    at,
    called,
    expired,
    forced,
    granted,
    lapsed,
    registered,
    released,
    renewed,
    requested,
    unclaimed,
    withdrawn,
)

each_view = pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
INSERT = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
VALUES (%s, %s, %s, %s, %s)
"""
MANY = """
INSERT INTO environment
SELECT n::text, 'p', 'n', false, 0, '{}', now(), 'o', now(), 'o'
FROM generate_series(1, 50000) AS n;
INSERT INTO lock_ticket
SELECT n::text, 'e', n, 'queued', 'c', NULL, NULL, 60, now(), now()
FROM generate_series(1, 50000) AS n
"""


def refused(environment_id: str | None) -> AccessRefused:
    return AccessRefused(environment_id, 403, "GET", "/", 'a "reason"\t\\N\n', 2)


def published(environment_id: str) -> ReleasePublished:
    return ReleasePublished(
        release_id=f"release of {environment_id}",
        environment_id=environment_id,
        repository="acme/shop",
        target_org="uat",
        name="v1",
        domain="Core",
        published_at=at(0),
        published_by="ci",
        metadata={"n": [1, "é"]},
    )


# Of everything that a view shows, some; what concerns one row is near and far apart.
STORY: Sequence[tuple[str, Event]] = [
    ("project/acme/shop", ProjectRegistered("acme/shop", "https://x/", "github")),
    ("uat", registered(metadata={"n": [1.5, None, "é"]}, tags=("a", "b"))),
    ("sit", registered(name="sit")),
    ("project/acme/shop", DefaultChosen(Category.TEST, "uat", None)),
    ("uat", requested("a")),
    ("uat", granted("a", 1, until=600)),
    ("uat", acquired("a", 1, until=600)),
    ("uat", requested("b", patience=5)),
    ("uat", requested("c")),
    (stream_of("1"), EnvironmentRead("uat", "acme/shop")),
    (stream_of("2"), refused("uat")),
    (stream_of("3"), refused("nobody knows")),
    (stream_of("4"), refused(None)),
    ("uat", renewed("a", 1, until=900)),
    ("uat", CredentialsDisclosed("a", 1, "uat@acme.example")),
    ("uat", lapsed("b")),
    ("uat", released("a", 1)),
    ("uat", called("c", 2, until=90)),
    ("uat", unclaimed("c", 2)),
    ("sit", requested("d")),
    ("sit", granted("d", 1, until=600)),
    ("sit", requested("e")),
    ("sit", withdrawn("e")),
    ("sit", acquired("d", 1, until=600)),
    ("uat", EnvironmentRevised(name="UAT 2", branch="main", tags=())),
    ("project/acme/shop", DefaultChosen(Category.TEST, "sit", "uat")),
    ("project/acme/shop", ProjectRevised(platform="gitlab")),
    ("releases/1", published("uat")),
    ("releases/2", published("sit")),
    ("releases/3", published("nobody knows")),
    ("project/acme/shop", EnvironmentsOrdered(Category.TEST, ("sit", "uat"), ())),
    ("sit", expired("d", 1)),
    ("project/acme/shop", EnvironmentsOrdered(Category.TEST, ("uat",), ("sit",))),
    ("sit", EnvironmentRetired()),
    (stream_of("5"), EnvironmentRead("sit", "acme/shop")),
    ("uat", requested("f")),
    ("uat", granted("f", 3, until=600)),
    ("uat", forced("f", 3)),
    ("uat", requested("g")),
    ("orgs", OrgRegistered("o", "hub@acme.example", "k", is_dev_hub=True)),
    ("orgs", DefaultDevHubChosen("o", None)),
    ("orgs", OrgRegistered("p", "other@acme.example", "l")),
    ("orgs", OrgRemoved("p", "other@acme.example", "l")),
    ("token/t", TokenIssued("ci", "ab" * 32, at(60))),
    ("token/u", TokenIssued("old", "cd" * 32, at(60))),
    ("token/u", TokenRevoked()),
    *RECURRING,
]


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
    """Every table of the view, in the order of its first column, which is its key."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return [
            connection.execute(
                sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table))
            ).fetchall()
            for table in view.tables
        ]


def rebuilt(database: Database, view: View) -> None:
    for _ in rebuild(database, view):
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
    one_by_one = rows_of(journal_of_all, view)
    assert all(one_by_one)

    rebuilt(database, view)
    assert rows_of(journal_of_all, view) == one_by_one
    assert store.lag(view.name).checkpoint == len(STORY)
    assert store.advance(view) == 0


@each_view
def test_a_rebuilt_view_goes_on_where_the_rebuild_ended(
    own_journal_url: str, database: Database, view: View
) -> None:
    store = ViewStore(database)
    half = len(STORY) // 2
    append(own_journal_url, STORY[:half])
    store.advance(view)
    rebuilding = rebuild(database, view)
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
    early = rebuild(database, view)
    next(early)
    late = rebuild(database, view)
    next(late)
    list(late)
    found = rows_of(journal_of_all, view)
    with pytest.raises(RebuildError):
        list(early)
    assert rows_of(journal_of_all, view) == found
    assert ViewStore(database).lag(view.name).checkpoint == len(STORY)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("revise_environments", "environment_pkey"),
        ("set_defaults", "environment_pkey"),
        ("raise_fences", "environment_pkey"),
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
