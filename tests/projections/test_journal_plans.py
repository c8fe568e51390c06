"""The hot statements stay on their indexes, whatever the statistics say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg import Connection, sql
from psycopg.rows import DictRow

from projections.storage.checkpoint import BATCH_BYTES_MAX, NEXT
from projections.storage.database import Database
from projections.storage.recorder import STATEMENTS

EVENTS, STREAMS = 40_000, 200
LOCKS = "lock.requested"
BY_STREAM = "berth_events_pkey"
BY_POSITION = "berth_events_notification_id_idx"
FILL = """
INSERT INTO berth_events
    (originator_id, originator_version, topic, state, notification_id)
SELECT 'e' || n %% %(streams)s, n / %(streams)s + 1, 'lock.requested',
    '{"origin":{"at":"2026-01-01T12:00:00Z"}}', n + 1
FROM generate_series(0, %(events)s - 1) AS n
"""


@pytest.fixture
def quiet_url(own_journal_url: str) -> str:
    """A database whose statistics change only when the test says so."""
    with psycopg.connect(own_journal_url) as connection:
        connection.execute("ALTER TABLE berth_events SET (autovacuum_enabled = off)")
    return own_journal_url


def fill(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(FILL, {"streams": STREAMS, "events": EVENTS})


def analyse(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("ANALYZE berth_events")


def reads_of(plan: Mapping[str, Any]) -> Iterator[str]:
    """The indexes that `plan` reads the events by, or that it uses none."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    elif plan["Node Type"] == "Seq Scan":
        yield "from end to end"
    for part in plan.get("Plans", ()):
        yield from reads_of(part)


def reads(
    connection: Connection[DictRow], name: str, arguments: Sequence[str] = ()
) -> set[str]:
    """How a prepared statement reads, planned for these arguments or for any."""
    values = sql.SQL(", ").join(sql.Literal(argument) for argument in arguments)
    call = sql.SQL("({})").format(values) if arguments else sql.SQL("")
    explain = sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE {}{}").format(
        sql.Identifier(name), call
    )
    found: set[str] = set()
    for mode in ("force_generic_plan", "force_custom_plan", "auto"):
        connection.execute(
            sql.SQL("SET plan_cache_mode = {}").format(sql.Literal(mode))
        )
        [row] = connection.execute(explain)
        found |= set(reads_of(row["QUERY PLAN"][0]["Plan"]))
    return found


def prepared(connection: Connection[DictRow], words: str) -> str:
    """The name under which the statement with these words is prepared."""
    statement = """SELECT name FROM pg_prepared_statements
        WHERE position(%s IN statement) > 0 AND statement NOT LIKE '%%pg_prepared%%'"""
    [row] = connection.execute(statement, [words], prepare=False)
    return str(row["name"])


def appending(url: str) -> Connection[DictRow]:
    """A session as the journal's own, its statements used often enough for PostgreSQL
    to settle on their plans.
    """
    connection = Database(url).connect()
    connection.execute(STATEMENTS["by_index"])
    for name in ("tip", "news", "append_if"):
        connection.execute(sql.SQL(f"PREPARE {name} AS {STATEMENTS[name]}"))
    for _ in range(8):
        connection.execute("EXECUTE tip")
        connection.execute("EXECUTE news('{e1,e2}', '{0,7}', 5000)")
        connection.execute("EXECUTE append_if(-1, 0, 0, '{}', '{}', '{}', '{}')")
    return connection


def check_the_appender(connection: Connection[DictRow]) -> None:
    assert reads(connection, "tip") == {BY_POSITION}
    for events in ("{}", "{e1,e2,e3}"):
        columns = [events, "{1,2,3}", events, events]
        found = reads(connection, "append_if", ["9", "0", "250000", *columns])
        assert found == {BY_POSITION}
    for limit in ("10", "32000"):
        found = reads(connection, "news", ["{e1,e2,e3}", "{190,200,0}", limit])
        assert found == {BY_STREAM}


@pytest.mark.parametrize("analysed_when_empty", [False, True])
def test_an_append_never_reads_the_log_from_end_to_end(
    quiet_url: str, analysed_when_empty: bool
) -> None:
    """Statements prepared when it was empty, and new; statistics stale, and fresh."""
    if analysed_when_empty:
        analyse(quiet_url)
    with appending(quiet_url) as settled:
        fill(quiet_url)
        check_the_appender(settled)
        with appending(quiet_url) as late:
            check_the_appender(late)
            analyse(quiet_url)
            check_the_appender(settled)
            check_the_appender(late)


def test_readers_of_the_log_go_by_position(quiet_url: str) -> None:
    """A view that catches up, and whoever reads through the library."""
    fill(quiet_url)
    check_the_readers(quiet_url)
    analyse(quiet_url)
    check_the_readers(quiet_url)


def check_the_readers(url: str) -> None:
    database = Database(url)
    library = PostgresApplicationRecorder(database, events_table_name="berth_events")
    for _ in range(8):
        found = library.select_notifications(start=EVENTS - 1, limit=10)
        assert [notification.id for notification in found] == [EVENTS - 1, EVENTS]
    with database.get_connection() as connection:
        for _ in range(8):
            wished = (EVENTS - 1, EVENTS, [LOCKS], BATCH_BYTES_MAX)
            connection.execute(NEXT, wished, prepare=True)
        by_count = prepared(connection, "notification_id>=$1")
        by_topic = prepared(connection, "notification_id > $1")
        for start, upto in (("0", "500"), ("39000", "39500")):
            assert reads(connection, by_count, [start, "500"]) == {BY_POSITION}
            wanted = [start, upto, f"{{{LOCKS}}}", f"{BATCH_BYTES_MAX}"]
            assert reads(connection, by_topic, wanted) == {BY_POSITION}
    database.close()
