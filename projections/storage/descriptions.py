"""What environments are called, and of which category they are, at a position.

What was read once is remembered, so that an environment which is revised again and
again, with however much metadata, costs no more for it each time that it is told of.
It counts as long as the event that it ends with is there: a database may come back with
less than it had, and have others in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, LiteralString

from msgspec import Struct

from domain.catalog import tag
from domain.environment.events import (
    Category,
    EnvironmentRegistered,
    EnvironmentRevised,
)
from projections.storage.database import Database
from projections.storage.threads import in_thread

REMEMBERED_MAX = 10_000
# One read stays short, however long each revision is; the next goes on from there.
STREAMS_AT_ONCE_MAX = 20
REVISIONS_AT_ONCE_MAX = 25
TOPICS = [tag(EnvironmentRegistered), tag(EnvironmentRevised)]
# Which version each stream had come to, and what is now at the one that is known. The
# id of an event is in its first bytes.
ENDS: LiteralString = """
SELECT wanted.stream, newest.version, newest.mark, (
    SELECT substr(state, 1, 48) FROM berth_events
    WHERE originator_id = wanted.stream AND originator_version = wanted.known
) AS mark_of_known
FROM unnest(%(streams)s::text[], %(known)s::bigint[]) AS wanted (stream, known),
LATERAL (
    SELECT originator_version AS version, substr(state, 1, 48) AS mark FROM berth_events
    WHERE originator_id = wanted.stream AND notification_id <= %(upto)s
    ORDER BY originator_version DESC LIMIT 1
) AS newest
"""
# Of each event, no more than is of interest: the rest may be most of a request.
REVISIONS: LiteralString = """
SELECT wanted.stream, found.version, substr(found.state, 1, 48) AS mark, told.*
FROM unnest(%(streams)s::text[], %(after)s::bigint[], %(upto)s::bigint[])
    AS wanted (stream, after, upto)
CROSS JOIN LATERAL (
    SELECT originator_version AS version, state FROM berth_events
    WHERE originator_id = wanted.stream
        AND originator_version > wanted.after AND originator_version <= wanted.upto
        AND topic = ANY(%(topics)s)
    ORDER BY originator_version LIMIT %(limit)s
) AS found
CROSS JOIN LATERAL json_to_record(event_json(state)->'event')
    AS told (repository text, name text, category text)
ORDER BY wanted.stream, found.version
"""
Row = Mapping[str, Any]


class Described(Struct, frozen=True):
    repository: str
    name: str
    category: Category


class _Known(Struct, frozen=True):
    """What it was at a version of its stream; None before it was registered.

    `mark` tells the event of that version from any other.
    """

    version: int = 0
    mark: bytes | None = None
    described: Described | None = None


class Descriptions:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}

    async def of(
        self, ids: Collection[str], upto: int = 2**62
    ) -> Mapping[str, Described]:
        """How each was described at the position `upto`, also if it was deleted then.

        Those that there were not yet are left out. Who gives up waiting for a long
        history and asks again finds what was read of it meanwhile.
        """
        if not ids:
            return {}
        known_before = {id_: self._known.get(id_, _Known()) for id_ in ids}
        ends = await in_thread(self._ends, known_before, upto)
        found = {i: self._from(i, known_before[i], end) for i, end in ends.items()}
        while left := {
            i: known for i, known in found.items() if known.version < ends[i]["version"]
        }:
            some = dict(islice(left.items(), STREAMS_AT_ONCE_MAX))
            rows = await in_thread(self._revisions, some, ends)
            for id_, known in some.items():
                of_it = [row for row in rows if row["stream"] == id_]
                found[id_] = _after(known, of_it, ends[id_])
                self._remember(id_, found[id_])
        return {id_: one.described for id_, one in found.items() if one.described}

    def _from(self, id_: str, known: _Known, end: Row) -> _Known:
        """What is known that was so by then: nothing, if what is known is later."""
        if known.mark != end["mark_of_known"]:
            self._known.pop(id_, None)
            return _Known()
        return known if known.version <= end["version"] else _Known()

    def _remember(self, id_: str, known: _Known) -> None:
        if len(self._known) > REMEMBERED_MAX:
            self._known.clear()
        if known.version >= self._known.get(id_, _Known()).version:
            self._known[id_] = known

    def _ends(self, known: Mapping[str, _Known], upto: int) -> Mapping[str, Row]:
        values = {
            "streams": [*known],
            "known": [one.version for one in known.values()],
            "upto": upto,
        }
        with self._database.cursor() as cursor:
            rows = cursor.execute(ENDS, values, prepare=True).fetchall()
        return {row["stream"]: row for row in rows}

    def _revisions(
        self, known: Mapping[str, _Known], ends: Mapping[str, Row]
    ) -> Sequence[Row]:
        values = {
            "streams": [*known],
            "after": [one.version for one in known.values()],
            "upto": [ends[id_]["version"] for id_ in known],
            "topics": TOPICS,
            "limit": REVISIONS_AT_ONCE_MAX,
        }
        with self._database.cursor() as cursor:
            return cursor.execute(REVISIONS, values, prepare=True).fetchall()


def _after(known: _Known, revisions: Sequence[Row], end: Row) -> _Known:
    """What is known after these, which are all up to `end` unless they are as many as
    are read at once.
    """
    described = known.described
    for row in revisions:
        category = row["category"] and Category(row["category"])
        if described is None:
            described = Described(row["repository"], row["name"], category)
        else:
            described = Described(
                described.repository,
                row["name"] or described.name,
                category or described.category,
            )
    last = end if len(revisions) < REVISIONS_AT_ONCE_MAX else revisions[-1]
    return _Known(last["version"], last["mark"], described)
