"""An environment's name and category at a position, however often they changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from domain.environment.events import (
    Category,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.errors import JournalUnavailable
from domain.event import Event
from projections.storage.database import Database
from projections.storage.descriptions import (
    REVISIONS_AT_ONCE_MAX,
    STREAMS_AT_ONCE_MAX,
    Described,
    Descriptions,
    Row,
)
from tests.projections.test_views import append
from tests.support.builders import registered, requested

STORY: Sequence[tuple[str, Event]] = [
    ("uat", registered()),
    ("qa", registered(name="qa")),
    ("uat", EnvironmentRevised(name="uat-2")),
    ("uat", requested("a")),
    ("uat", EnvironmentRevised(category=Category.DEV, metadata={"a": 1})),
    ("uat", EnvironmentRevised(description="described")),
    ("uat", EnvironmentRetired()),
]
FIRST = Described("acme/shop", "uat", Category.TEST)
SECOND = Described("acme/shop", "uat-2", Category.TEST)
LAST = Described("acme/shop", "uat-2", Category.DEV)
EXPECTED = [None, FIRST, FIRST, SECOND, SECOND, LAST, LAST, LAST]


# Events that happened anew have ids of their own.
ANEW = """
UPDATE berth_events SET state = convert_to(
    replace(convert_from(state, 'UTF8'), '"id":"e', '"id":"anew'), 'UTF8'
) WHERE notification_id > 3
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url)) as database:
        yield database


@pytest.mark.parametrize("order", [range(8), range(7, -1, -1), [3, 7, 1, 5, 5, 0, 2]])
def test_it_is_as_it_was_then_in_whatever_order_one_asks(
    database: Database, own_journal_url: str, order: Sequence[int]
) -> None:
    append(own_journal_url, STORY)

    async def ask() -> None:
        remembering = Descriptions(database)
        for position in order:
            found = await remembering.of(["uat", "nobody"], position)
            anew = await Descriptions(database).of(["uat"], position)
            assert found.get("uat") == anew.get("uat") == EXPECTED[position]
            assert "nobody" not in found
        assert (await remembering.of(["qa"]))["qa"].name == "qa"
        assert await remembering.of([]) == {}

    asyncio.run(ask())


def test_what_was_read_is_not_read_again_though_nobody_waited_for_it(
    database: Database, own_journal_url: str
) -> None:
    """Else one long history would keep all webhooks waiting for ever."""
    count = 3 * REVISIONS_AT_ONCE_MAX
    revisions = [("uat", EnvironmentRevised(name=f"uat-{n}")) for n in range(count)]
    append(own_journal_url, [("uat", registered()), *revisions])
    reads: list[int] = []

    class Impatient(Descriptions):
        def _revisions(
            self, known: Mapping[str, Any], ends: Mapping[str, Row]
        ) -> Sequence[Row]:
            rows = super()._revisions(known, ends)
            reads.append(len(rows))
            if len(reads) == 2:
                raise JournalUnavailable("too slow")
            return rows

    async def ask() -> None:
        descriptions = Impatient(database)
        with pytest.raises(JournalUnavailable):
            await descriptions.of(["uat"])
        first, again = reads[0], reads.pop(1)
        assert first == again == REVISIONS_AT_ONCE_MAX
        reads.append(0)  # So that it is patient from here on.
        append(own_journal_url, [("uat", requested("a"))])
        for _ in range(3):
            assert (await descriptions.of(["uat"]))["uat"].name == f"uat-{count - 1}"
        assert sum(reads) == count + 1

    asyncio.run(ask())


@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_what_the_database_has_lost_is_not_remembered(
    database: Database, own_journal_url: str, others: int
) -> None:
    """However many events have come since."""
    append(own_journal_url, [*STORY[:1], *STORY[2:6]])

    async def ask() -> None:
        remembering = Descriptions(database)
        assert (await remembering.of(["uat"]))["uat"] == LAST
        with psycopg.connect(own_journal_url) as connection:
            connection.execute("DELETE FROM berth_events WHERE notification_id > 3")
        append(own_journal_url, [("uat", requested(f"{n}")) for n in range(others)])
        with psycopg.connect(own_journal_url) as connection:
            connection.execute(ANEW)
        for _ in range(2):
            assert (await remembering.of(["uat"]))["uat"] == SECOND

    asyncio.run(ask())


def test_of_many_each_is_found(database: Database, own_journal_url: str) -> None:
    names = [f"env-{n}" for n in range(3 * STREAMS_AT_ONCE_MAX)]
    append(own_journal_url, [(name, registered(name=name)) for name in names])
    found = asyncio.run(Descriptions(database).of(names))
    assert {id_: one.name for id_, one in found.items()} == {n: n for n in names}
