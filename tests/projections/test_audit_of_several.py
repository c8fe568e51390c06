"""An event that is about several environments has a record for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import resources
from typing import Any

import psycopg
import pytest

from domain.environment.events import Category, EnvironmentRetired
from domain.event import Event
from domain.person import ERASED
from domain.project_events import DefaultChosen, EnvironmentsOrdered
from projections.storage.beside import Beside, RebuildError
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.rebuild import rebuild
from projections.sweep import Sweep
from projections.views import VIEWS
from tests.projections.test_views import append
from tests.support.builders import OWNER, registered

VIEW = VIEWS["audit_log"]
FOLDER = resources.files("projections.storage.migrations")
MANY = tuple(f"e{number}" for number in range(500))
RECORDS = "SELECT position, environment_id FROM audit_record ORDER BY 1, 2"
PROJECT = "projects/acme/shop"


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def projected(url: str, database: Database, story: Sequence[tuple[str, Event]]) -> None:
    append(url, story)
    while ViewStore(database).advance(VIEW):
        pass


def records(url: str) -> list[tuple[int, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute(RECORDS).fetchall()


def ordered(ids: Sequence[str], left_out: Sequence[str] = ()) -> tuple[str, Event]:
    return PROJECT, EnvironmentsOrdered(Category.TEST, (*ids,), (*left_out,))


def test_a_long_order_has_as_many(own_journal_url: str, database: Database) -> None:
    story = [(one, registered(name=one)) for one in MANY]
    projected(own_journal_url, database, [*story, ordered(MANY), ordered(MANY[::-1])])
    told = [one for one in records(own_journal_url) if one[0] > len(MANY)]
    assert told == [
        (len(MANY) + number, one) for number in (1, 2) for one in sorted(MANY)
    ]


def test_an_environment_named_twice_has_one(
    own_journal_url: str, database: Database
) -> None:
    """No decision makes such an event; if there were one, the view would go on."""
    story = [(one, registered(name=one)) for one in ("a", "b")]
    twice = (PROJECT, DefaultChosen(Category.TEST, "a", "a"))
    last = ordered(["a", "b", "a"], ["b"])
    projected(own_journal_url, database, [*story, twice, last])
    assert records(own_journal_url)[2:] == [(3, "a"), (4, "a"), (4, "b")]


@pytest.mark.parametrize("batch", [1, 2, 1_000])
def test_who_left_the_order_as_it_was_deleted_has_none(
    own_journal_url: str, database: Database, batch: int
) -> None:
    story = [(one, registered(name=one)) for one in ("a", "b")]
    end = [("a", EnvironmentRetired()), ordered(["b"], ["a"])]
    append(own_journal_url, [*story, ordered(["a", "b"]), *end])
    while ViewStore(database).advance(VIEW, limit=batch):
        pass
    asyncio.run(Sweep(ViewStore(database)).run_once())
    assert records(own_journal_url) == [(2, "b"), (3, "b"), (5, "b")]


def test_erasing_whoever_did_it_erases_them_in_each(
    own_journal_url: str, database: Database
) -> None:
    story = [(one, registered(name=one)) for one in MANY]
    projected(own_journal_url, database, [*story, ordered(MANY)])
    values = {"name": OWNER.id, "erased_as": "erased:1", "erased": ERASED}
    with psycopg.connect(own_journal_url) as connection:
        for statement in VIEW.erase:
            connection.execute(statement, values)
        [[names]] = connection.execute(
            "SELECT array_agg(DISTINCT accessed_by) FROM audit_record"
        ).fetchall()
    assert names == ["erased:1"]


def test_a_rebuild_that_began_before_the_migration_ends(
    own_journal_url: str, database: Database
) -> None:
    """Its tables have the key of before, which they would bring back."""
    story = [(one, registered(name=one)) for one in ("a", "b")]
    projected(own_journal_url, database, [*story, ordered(["a", "b"])])
    before = records(own_journal_url)
    rebuilding = rebuild(database, [VIEW])
    next(rebuilding)
    migrate_again(own_journal_url)
    with pytest.raises(RebuildError):
        list(rebuilding)
    empty = Beside(database, VIEW)
    with database.transaction(commit=True) as cursor:
        empty.make_room(cursor)
    migrate_again(own_journal_url)
    with pytest.raises(RebuildError):
        empty.add_indexes()
    assert records(own_journal_url) == before
    list(rebuild(database, [VIEW]))
    assert records(own_journal_url) == before


def migrate_again(url: str) -> None:
    statements: Any = (FOLDER / "0027_audit_of_several.sql").read_text()
    with psycopg.connect(url) as connection:
        connection.execute(statements)
