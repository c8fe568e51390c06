"""A page of holds is cut by the index alone, however far back it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.holds import sql
from tests.projections.plans import filled
from tests.projections.test_holds_sums import ENVIRONMENTS, EVER, FILL, HOLDS
from tests.support.servers import Servers

PAGE: Any = re.sub(r";\s*$", "", sql["holds_between"])
EXPLAIN: Any = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {PAGE}"
LIMIT = 50


@pytest.fixture(scope="module")
def many(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    with filled(servers, FILL, environments=ENVIRONMENTS, holds=HOLDS) as connection:
        connection.execute("VACUUM hold")
        yield connection


@pytest.mark.parametrize("offset", [0, HOLDS // 2, HOLDS - 10, HOLDS])
def test_it_is_the_newest_of_all_and_few_others_are_read(
    many: psycopg.Connection[Any], offset: int
) -> None:
    asked = EVER | {"limit": LIMIT, "offset": offset}
    found = many.execute(f"SELECT granted_position FROM ({PAGE}) AS page", asked)
    newest = [4 * n for n in range(HOLDS - offset, 0, -1)][:LIMIT]
    assert [position for (position,) in found.fetchall()] == newest
    [[[told]]] = many.execute(EXPLAIN, asked).fetchall()
    blocks = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
    assert blocks < HOLDS / 12


def test_what_began_before_is_of_the_page_if_it_went_on(
    many: psycopg.Connection[Any],
) -> None:
    """Each ended within 11 s, and after a minute the next one was granted."""
    [(since,)] = many.execute(
        "SELECT granted_at + interval '5 s' FROM hold WHERE granted_position = 28"
    ).fetchall()
    asked = EVER | {"since": since, "first": 32, "last": 36, "limit": 9, "offset": 0}
    found = many.execute(f"SELECT granted_position FROM ({PAGE}) AS page", asked)
    assert found.fetchall() == [(36,), (32,), (28,)]
