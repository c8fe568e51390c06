"""An event of the journal as though somebody in it were hidden from this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

TAKE = "SELECT state FROM berth_events WHERE notification_id = %s"
PUT = "UPDATE berth_events SET state = %s WHERE notification_id = %s"
PLAIN, HIDDEN = b'"by":"', b'"by":"\\/n1.'


@contextmanager
def closed(url: str, *positions: int) -> Iterator[None]:
    """While the block lasts, who has no keys of people cannot open these."""
    with psycopg.connect(url, autocommit=True) as connection:
        was: dict[int, bytes] = {}
        for position in positions:
            [[state]] = connection.execute(TAKE, [position]).fetchall()
            was[position] = bytes(state)
            assert PLAIN in was[position]
            hidden = was[position].replace(PLAIN, HIDDEN)
            connection.execute(PUT, [hidden, position])
        try:
            yield
        finally:
            for position, state in was.items():
                connection.execute(PUT, [state, position])
