"""The journal's rows as they lie there, to be hashed and not to be understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.seal.leaf import Leaf
from projections.storage.checkpoint import BATCH_BYTES_MAX

# The first is read however long it is.
NEXT: LiteralString = """
SELECT notification_id, originator_id, originator_version, topic, state
FROM (
    SELECT *, sum(octet_length(state)) OVER (ORDER BY notification_id)
        - octet_length(state) AS bytes_before
    FROM berth_events
    WHERE notification_id > %s AND notification_id <= %s
) AS news
WHERE bytes_before < %s
ORDER BY notification_id
"""


def all_leaves(connection: Connection[Any], after: int, upto: int) -> Iterator[Leaf]:
    """Those of these positions that are there, however long they are."""
    while leaves := read_leaves(connection, after, upto):
        yield from leaves
        after = leaves[-1].position


def read_leaves(connection: Connection[Any], after: int, upto: int) -> Sequence[Leaf]:
    """The same, or the first of them if together they are very long."""
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        rows = cursor.execute(NEXT, (after, upto, BATCH_BYTES_MAX), prepare=True)
        return [Leaf(*row) for row in rows]
