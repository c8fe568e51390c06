"""Whose an event is, is looked up once, and is right however much is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from domain.access import AccessRefused
from domain.environment.events import EnvironmentRetired
from domain.event import Event
from domain.outward.belonging import NOBODYS, Belonging
from domain.roles import Role
from domain.task.events import Order, Submitter, TaskCompleted, TaskSubmitted
from projections.storage import belongings
from projections.storage.belongings import Belongings
from projections.storage.database import Database
from tests.golden.examples import recorded
from tests.projections.test_views import append
from tests.support.builders import at, registered

BY = Submitter("ci", Role.APPLICATION, "ci")
SUBMITTED = TaskSubmitted(Order("t", {}, repository="acme/bank"), BY, at(0))
STORY: Sequence[tuple[str, Event]] = [
    ("env", registered()),
    ("tasks/1", SUBMITTED),
    ("tasks/1", TaskCompleted(1)),
    ("env", EnvironmentRetired()),
    ("access/1", AccessRefused("env", 403, "PUT", "/", "no")),
    ("access/2", AccessRefused("elsewhere", 403, "PUT", "/", "no")),
]
SHOPS, CIS = Belonging("acme/shop"), Belonging("acme/bank", BY)
EXPECTED = [SHOPS, CIS, CIS, SHOPS, SHOPS, NOBODYS]


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    append(own_journal_url, STORY)
    with closing(Database(own_journal_url)) as database:
        yield database


def records() -> list[Any]:
    return [replace(recorded(event), originator_id=stream) for stream, event in STORY]


def test_each_event_is_whose_its_own_or_its_first_says(database: Database) -> None:
    assert list(Belongings(database).of(records())) == EXPECTED


def test_what_is_known_is_not_asked_for_again(database: Database) -> None:
    whose = Belongings(database)
    whose.of(records())
    with patch.object(whose, "_read", side_effect=AssertionError):
        known = [r for r in records() if r.originator_id != "access/2"]
        assert list(whose.of(known)) == EXPECTED[:-1]


def test_what_was_forgotten_is_asked_for_once_more(database: Database) -> None:
    whose = Belongings(database)
    with patch.object(belongings, "REMEMBERED_MAX", 0):
        for record, expected in zip(records() * 2, EXPECTED * 2, strict=True):
            assert list(whose.of([record])) == [expected]


def test_a_stream_that_has_no_first_yet_may_have_one_later(
    database: Database, own_journal_url: str
) -> None:
    whose = Belongings(database)
    refusal = records()[-1]
    assert list(whose.of([refusal])) == [NOBODYS]
    append(own_journal_url, [("elsewhere", registered())])
    assert list(whose.of([refusal])) == [SHOPS]
