"""A page of the audit of many environments reads little of a long log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, LiteralString

import psycopg
import pytest

from api.audit import SPAN, Page
from projections.storage.database import Database
from projections.storage.reader import Reader, Rows
from projections.view import View
from tests.projections.plans import reads_of
from tests.projections.test_audit_plans import FILL

ENVIRONMENTS, RECORDS = 1_000, 100_000
ALL = [f"e{number}" for number in range(ENVIRONMENTS)]


class CountingReader(Reader):
    """`rows` is how many were read so far, for whatever was found."""

    def __init__(self, database: Database, connection: psycopg.Connection) -> None:
        super().__init__(database)
        self._connection = connection
        self.rows = 0.0

    async def read(
        self,
        view: View,
        statement: LiteralString,
        values: Mapping[str, Any],
        *,
        prepare: bool = True,
    ) -> Rows:
        explain: Any = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        [[[told]]] = self._connection.execute(explain, values).fetchall()
        self.rows += sum(rows for _, rows in reads_of(told["Plan"]))
        return await super().read(view, statement, values, prepare=prepare)


@pytest.fixture
def reader(own_journal_url: str) -> Iterator[CountingReader]:
    with (
        closing(Database(own_journal_url)) as database,
        psycopg.connect(
            own_journal_url, autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as connection,
    ):
        connection.execute(FILL, {"environments": ENVIRONMENTS, "records": RECORDS})
        connection.execute("ANALYZE")
        yield CountingReader(database, connection)


def ids(
    reader: Reader,
    *,
    access_type: str | None = None,
    accessed_by: str | None = None,
    between: tuple[int, int] = (1, RECORDS),
    limit: int = 100,
    offset: int = 0,
) -> list[str]:
    page = Page(reader, access_type, *between, limit, offset)
    records = asyncio.run(page.of(ALL, accessed_by))
    return [record.id for record in records]


def newest(last: int, number: int) -> list[str]:
    return [f"r{position}" for position in range(last, last - number, -1)]


def test_no_more_is_read_than_happened_lately(reader: CountingReader) -> None:
    assert ids(reader) == newest(RECORDS, 100)
    assert reader.rows < 2 * SPAN + ENVIRONMENTS


def test_what_is_rare_is_found_however_long_ago(reader: CountingReader) -> None:
    assert ids(reader, access_type="create") == newest(ENVIRONMENTS, 100)
    hers = [f"r{position}" for position in range(99_297, 0, -1_003)]
    assert ids(reader, accessed_by="ann", limit=90) == hers[:90]
    assert ids(reader, accessed_by="ann", limit=90, offset=90) == hers[90:]
    assert ids(reader, accessed_by="nobody") == []


def test_pages_meet(reader: CountingReader) -> None:
    whole = ids(reader, limit=1_000, offset=20_000)
    halves = [ids(reader, limit=500, offset=offset) for offset in (20_000, 20_500)]
    assert [*halves[0], *halves[1]] == whole == newest(RECORDS - 20_000, 1_000)
    assert ids(reader, offset=RECORDS - 50) == newest(50, 50)
    assert ids(reader, offset=RECORDS) == []


def test_of_some_time_nothing_else_is_told(reader: CountingReader) -> None:
    assert ids(reader, between=(40_001, 47_000), offset=6_950) == newest(40_050, 50)
    assert ids(reader, between=(40_001, 40_000)) == []
