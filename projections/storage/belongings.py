"""Looks up whose events are: in themselves, else in the first one of a stream.

What a first event says of that is never revised, so it may be remembered. Of one that
only a newer Berth can read, it is for owners of all that there is to know whose it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import LiteralString

from domain.outward.belonging import NOBODYS, Belonging, said_by, told_by
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.mapper import KNOWN, decode

REMEMBERED_MAX = 10_000
FIRST: LiteralString = """
SELECT originator_id AS stream, topic, first.state
FROM unnest(%s::text[]) AS wanted (stream), LATERAL (
    SELECT originator_id, topic, state FROM berth_events
    WHERE originator_id = wanted.stream
    ORDER BY originator_version LIMIT 1
) AS first
"""


class Belongings:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Belonging] = {}

    def of(self, records: Sequence[Recorded]) -> Sequence[Belonging]:
        """One for each record. Asks the database for those it has forgotten."""
        said = [said_by(record.event) for record in records]
        told = [told_by(record) for record in records]
        first = self._first({t for s, t in zip(said, told, strict=True) if s is None})
        return [s or first[t] for s, t in zip(said, told, strict=True)]

    def of_stream(self, stream: str) -> Belonging:
        """As its first event says."""
        return self._first({stream})[stream]

    def _first(self, streams: Collection[str]) -> dict[str, Belonging]:
        known = self._known
        found = {s: known[s] for s in streams if s in known}
        if missing := [s for s in streams if s not in found]:
            read = self._read(missing)
            if len(known) > REMEMBERED_MAX:
                known.clear()
            known |= read
            found |= dict.fromkeys(missing, NOBODYS) | read
        return found

    def _read(self, streams: Sequence[str]) -> dict[str, Belonging]:
        with self._database.cursor() as cursor:
            rows = cursor.execute(FIRST, [streams], prepare=True).fetchall()
        # Whatever is hidden there is no matter here.
        said = {
            row["stream"]: said_by(decode(row["state"]).event)
            for row in rows
            if row["topic"] in KNOWN
        }
        return {row["stream"]: said.get(row["stream"]) or NOBODYS for row in rows}
