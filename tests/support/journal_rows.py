"""Histories as rows of a journal: put there in bulk, past every rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import psycopg
from eventsourcing.persistence import JSONTranscoder
from psycopg.rows import DictRow

from domain.record import Recorded
from projections.storage.mapper import EventMapper

COPY: LiteralString = """
COPY berth_events (originator_id, originator_version, topic, state, notification_id)
FROM STDIN (FORMAT binary)
"""
TYPES = ("text", "bigint", "text", "bytea", "bigint")
TIDY: LiteralString = "VACUUM (ANALYZE) berth_events"

Row = tuple[str, int, str, bytes, int]


def rows_of(records: Iterable[Recorded]) -> Iterable[Row]:
    """Stream, version, topic, state and position, as the journal keeps them."""
    mapper = EventMapper(JSONTranscoder())
    for record in records:
        stored = mapper.to_stored_event(record)
        yield (
            record.originator_id,
            record.originator_version,
            stored.topic,
            stored.state,
            record.position,
        )


def copy_rows(
    cursor: psycopg.Cursor[DictRow] | psycopg.Cursor[tuple[object, ...]],
    rows: Iterable[Row],
) -> None:
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)


def put(url: str, records: Iterable[Recorded]) -> None:
    """Into the journal at `url`, which then knows how large it is."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        copy_rows(cursor, rows_of(records))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TIDY)
