"""Large tables to ask of, and what PostgreSQL reads when it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.support.servers import Servers, migrated_database

# The rows that an index may lead to in vain; the rest are what was asked for.
READ_MAX = 1_000
PAGE: dict[str, Any] = {
    "before": 2**62,
    "type": None,
    "priority": None,
    "repository": None,
    "repositories": None,
    "reach": None,
    "limit": 51,
    "schedule": None,
    "submitter": None,
    "application": None,
    "is_any": True,
    "states": ["pending", "running", "cancelling", "completed", "failed", "cancelled"],
}


@contextmanager
def filled(
    servers: Servers, fill: Any, **values: int
) -> Iterator[psycopg.Connection[Any]]:
    """A database of its own, in which `fill` was carried out with `values`."""
    with (
        migrated_database(servers) as url,
        filled_at(url, fill, **values) as connection,
    ):
        yield connection


@contextmanager
def filled_at(url: str, fill: Any, **values: int) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(fill, values)
        yield connection


def check_reads(
    connection: psycopg.Connection[Any], statement: str, asked: Mapping[str, Any]
) -> None:
    """It is found by indexes, among few rows."""
    explain: Any = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    explain = re.sub(r";\s*$", "", explain)
    [[[told]]] = connection.execute(explain, asked).fetchall()
    reads = list(reads_of(told["Plan"]))
    assert reads
    assert [way for way, rows in reads if "Seq Scan" in way and rows] == []
    assert sum(rows for _, rows in reads) <= READ_MAX


def reads_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Each way in which a table is read, and how many rows that took."""
    if relation := plan.get("Relation Name"):
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        way = plan["Node Type"] if "Seq" in plan["Node Type"] else ""
        yield f"{way} {relation}".strip(), rows * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from reads_of(part)
