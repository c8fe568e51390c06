"""The views are kept up together, wherever each of them was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from domain.errors import VaultClosed
from domain.record import Recorded
from projections import catch_up
from projections.catch_up import CatchUp
from projections.storage import checkpoint
from projections.storage.checkpoint import Page, ViewStore
from projections.storage.database import Database
from projections.view import View, Write
from projections.views import VIEWS
from tests.projections.story import STORY
from tests.projections.test_views import append, rebuilt, rows_of


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


def keep_up(database: Database, *views: View) -> int:
    return asyncio.run(CatchUp(views, ViewStore(database)).run_once())


@pytest.mark.parametrize("behind_max", [0, 5, 10_000])
def test_together_they_come_to_the_same_as_each_for_itself(
    own_journal_url: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    behind_max: int,
) -> None:
    monkeypatch.setattr(catch_up, "BEHIND_MAX", behind_max)
    monkeypatch.setattr(checkpoint, "BATCH_MAX", 7)
    append(own_journal_url, STORY)
    store, chance, views = ViewStore(database), random.Random(1), [*VIEWS.values()]
    for view in views[::2]:
        store.advance(view, limit=chance.randint(1, len(STORY)))
    assert keep_up(database, *views) > 0
    assert keep_up(database, *views) == 0
    for view in views:
        assert store.lag(view.name).checkpoint == len(STORY)
        together = rows_of(own_journal_url, view)
        rebuilt(database, view)
        assert rows_of(own_journal_url, view) == together


def test_whom_another_is_moving_is_left_to_him(
    own_journal_url: str, database: Database
) -> None:
    append(own_journal_url, STORY)
    views, store = (VIEWS["directory"], VIEWS["audit_log"]), ViewStore(database)
    for view in views:
        store.advance(view, limit=1)
    news = store.news(views, 1, len(STORY))
    with (
        closing(Database(own_journal_url)) as another,
        another.transaction(commit=False) as cursor,
    ):
        ViewStore(another).turn(cursor, "audit_log")
        assert store.follow(views, 1, news) == {"directory"}
        assert store.lag("audit_log").checkpoint == 1
    assert store.follow(views, 1, news) == {"directory", "audit_log"}


def test_a_view_that_fails_keeps_no_other_from_going_on(
    own_journal_url: str, database: Database
) -> None:
    def fail(_: Iterable[Recorded]) -> Iterable[Write]:
        raise ValueError("no such thing")

    append(own_journal_url, STORY)
    good, store = VIEWS["directory"], ViewStore(database)
    for view in good, VIEWS["audit_log"]:
        store.advance(view, limit=1)  # Only who has begun goes on together.
    broken = replace(VIEWS["audit_log"], project=fail)
    for _ in range(2):
        with capture_logs() as logs, pytest.raises(ValueError, match="no such thing"):
            keep_up(database, broken, good)
        assert [log["kind"] for log in logs] == ["ValueError"]
        assert "no such thing" not in str(logs)
    assert store.lag(good.name).checkpoint == len(STORY)
    assert store.lag(broken.name).checkpoint == 1


def test_news_that_one_view_cannot_read_keep_no_other_from_going_on(
    own_journal_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(own_journal_url, STORY)
    views, store = (VIEWS["directory"], VIEWS["audit_log"]), ViewStore(database)
    for view in views:
        store.advance(view, limit=1)

    def closed(*_: object) -> Page:
        raise VaultClosed("no key", version=2)

    monkeypatch.setattr(ViewStore, "news", closed)
    assert keep_up(database, *views) > 0
    assert [store.lag(view.name).checkpoint for view in views] == [len(STORY)] * 2
