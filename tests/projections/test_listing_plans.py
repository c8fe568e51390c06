"""What time has something to say about is found among however many tickets."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from projections.environment_listing import sql
from tests.projections.plans import check_reads, filled
from tests.support.servers import Servers

ROWS = 30_000
# Of the tickets that are open and of the reviews, 200 each have had their time.
FILL = """
ALTER TABLE lock_ticket SET (autovacuum_enabled = off);
ALTER TABLE environment SET (autovacuum_enabled = off);
INSERT INTO environment (
    id, project, name_key, details, created_at, created_by, updated_at, updated_by,
    review_until
)
SELECT 'e' || n, 'p', 'n' || n, '{}', now(), 'ann', now(), 'ann',
    now() + make_interval(hours => n - 200)
FROM generate_series(1, %(rows)s) AS n;
INSERT INTO lock_ticket (
    id, environment_id, requested_position, status, requested_by, lease_seconds,
    requested_at, lapses_at, expires_at, ended_at
)
SELECT 't' || n, 'e' || n %% 1000, n, 'queued', 'ci', 600, now(),
    now() + make_interval(hours => n - 200),
    CASE WHEN n %% 2 = 0 THEN now() + make_interval(hours => n - 200) END,
    CASE WHEN n > %(rows)s THEN now() END
FROM generate_series(1, 2 * %(rows)s) AS n
"""


@pytest.fixture(scope="module")
def listing(servers: Servers) -> Iterator[psycopg.Connection]:
    with filled(servers, FILL, rows=ROWS) as connection:
        yield connection


def test_what_is_due_is_found_by_indexes_with_old_statistics_of_tickets_and_with_fresh(
    listing: psycopg.Connection,
) -> None:
    listing.execute("ANALYZE environment")
    check_reads(listing, sql["due_locks"], {})
    listing.execute("ANALYZE lock_ticket")
    check_reads(listing, sql["due_locks"], {})
