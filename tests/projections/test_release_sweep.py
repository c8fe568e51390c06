"""An environment that is deleted keeps no view waiting, however many its releases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from projections import sweep as sweeping
from projections.release_history import sql
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.sweep import Sweep
from tests.projections.plans import reads_of

EACH, ENVIRONMENTS = 300, 10
GONE = '[{"id": "e3"}, {"id": "e7"}]'
REMOVE: Any = sql["remove_environments"]
FILL = """
INSERT INTO release (
    id, position, environment_id, name, domain, domain_key, target_org, repository,
    published_at, published_by, metadata
)
SELECT 'r' || n, n, 'e' || n %% %(environments)s, 'v' || n, 'core', 'core', 'prod',
    'acme/shop', now(), 'ci', '{}'
FROM generate_series(1, %(environments)s * %(each)s) AS n
"""
LEFT = """
SELECT environment_id, count(*) FROM release
GROUP BY environment_id ORDER BY environment_id
"""


@pytest.fixture
def history(own_journal_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        own_journal_url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(FILL, {"environments": ENVIRONMENTS, "each": EACH})
        yield connection


def test_no_release_is_touched_as_it_is_deleted(history: psycopg.Connection) -> None:
    explain: Any = f"EXPLAIN (ANALYZE, FORMAT JSON) {REMOVE}"
    [[[told]]] = history.execute(explain, {"rows": GONE}).fetchall()
    assert "release" not in {table for table, _ in reads_of(told["Plan"])}


def test_its_releases_are_swept_out_some_at_a_time(
    history: psycopg.Connection,
    own_journal_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", EACH - 10)
    with closing(Database(own_journal_url)) as database:
        sweep = Sweep(ViewStore(database))
        assert asyncio.run(sweep.run_once()) == 0
        history.execute(REMOVE, {"rows": GONE})
        numbers = [asyncio.run(sweep.run_once()) for _ in range(4)]
    assert numbers == [EACH - 10, EACH - 10, 20, 0]
    others = [(f"e{n}", EACH) for n in range(ENVIRONMENTS) if n not in (3, 7)]
    assert history.execute(LEFT).fetchall() == others
    assert history.execute("SELECT FROM gone_environment").fetchall() == []
