"""Histories as rows of a journal: put there in bulk, past every rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import psycopg
from eventsourcing.persistence import JSONTranscoder, StoredEvent
from psycopg.rows import DictRow

from domain.record import Recorded
from projections.storage.mapper import EventMapper
from projections.storage.subjects import Subjects, SubjectUnknown

COPY: LiteralString = """
COPY berth_events (originator_id, originator_version, topic, state, notification_id)
FROM STDIN (FORMAT binary)
"""
TYPES = ("text", "bigint", "text", "bytea", "bigint")
TIDY: LiteralString = "VACUUM (ANALYZE) berth_events"

Row = tuple[str, int, str, bytes, int]


def rows_of(
    records: Iterable[Recorded], subjects: Subjects | None = None
) -> Iterable[Row]:
    """Stream, version, topic, state and position, as the journal keeps them.

    Without `subjects`, people are in plain, as they were before they had keys.
    """
    mapper = EventMapper(JSONTranscoder(), subjects)
    for record in records:
        stored = _stored(mapper, record, subjects)
        yield (
            record.originator_id,
            record.originator_version,
            stored.topic,
            stored.state,
            record.position,
        )


def _stored(
    mapper: EventMapper, record: Recorded, subjects: Subjects | None
) -> StoredEvent:
    try:
        return mapper.to_stored_event(record)
    except SubjectUnknown:
        assert subjects is not None
        subjects.learn([record])
        return mapper.to_stored_event(record)


def copy_rows(
    cursor: psycopg.Cursor[DictRow] | psycopg.Cursor[tuple[object, ...]],
    rows: Iterable[Row],
) -> None:
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)


def put(
    url: str, records: Iterable[Recorded], subjects: Subjects | None = None
) -> None:
    """Into the journal at `url`, which then knows how large it is."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        copy_rows(cursor, rows_of(records, subjects))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TIDY)
