"""An environment that is deleted keeps no view waiting, however many its releases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections import sweep as sweeping
from projections.release_history import sql
from tests.projections.plans import filled_at, reads_of
from tests.support.swept import passes

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
    with filled_at(
        own_journal_url, FILL, environments=ENVIRONMENTS, each=EACH
    ) as connection:
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
    assert passes(own_journal_url, 1) == [0]
    history.execute(REMOVE, {"rows": GONE})
    assert passes(own_journal_url, 4) == [EACH - 10, EACH - 10, 20, 0]
    others = [(f"e{n}", EACH) for n in range(ENVIRONMENTS) if n not in (3, 7)]
    assert history.execute(LEFT).fetchall() == others
    assert history.execute("SELECT FROM gone_environment").fetchall() == []
