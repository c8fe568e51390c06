"""Bundles: the events that somebody asks for, each with the proof that it was sealed.

Read piece by piece, so that a bundle of any length takes little memory; all pieces are
of one checkpoint, however the journal grows meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, LiteralString

import msgspec
from msgspec import Struct

from domain.errors import (
    EnvironmentNotFound,
    Invalid,
    NotFound,
    ProjectNotFound,
    VaultClosed,
)
from domain.naming import fold
from domain.outward.subject import subject_of
from domain.project import stream_of
from domain.record import Recorded
from domain.seal.bundle import Asked, Earlier, End, Header, event_line, line_of
from domain.seal.leaf import Leaf
from projections.storage.belongings import Belongings
from projections.storage.checkpoint import BATCH_BYTES_MAX
from projections.storage.database import Database
from projections.storage.events_read import ELSEWHERE, KNOWN
from projections.storage.log.keys import ALL
from projections.storage.log.newest import NEWEST, NOTHING
from projections.storage.log.tiles import Tiles
from projections.storage.mapper import decode, shown

SCAN_MAX = 10_000
FOUND_MAX = 500
EARLIER: LiteralString = "SELECT note FROM log_checkpoint WHERE size = %s"
# At most some of them, so that none is long in coming; where it ends, it goes on.
PIECE: LiteralString = """
SELECT position, stream, version, topic, state FROM (
    SELECT notification_id AS position, originator_id AS stream,
        originator_version AS version, topic, state,
        sum(octet_length(state)) OVER (ORDER BY notification_id)
            - octet_length(state) AS bytes_before,
        row_number() OVER (ORDER BY notification_id) AS number
    FROM berth_events
    WHERE notification_id > %(after)s AND notification_id <= %(until)s
        AND (%(about)s::text IS NULL OR originator_id = %(about)s
            OR topic = ANY(%(elsewhere)s)
            AND position(convert_to(%(about)s, 'UTF8') IN state) > 0)
) AS found
WHERE bytes_before < %(bytes)s AND number <= %(limit)s
ORDER BY position
"""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError)


class Question(Struct, frozen=True):
    """What is asked for: all about an environment, of a repository, or everything.

    `first` and `last` are positions; without `last`, up to the newest checkpoint.
    `earlier` is the size of one from which that has to go on.
    """

    environment: str | None = None
    repository: str | None = None
    first: int = 1
    last: int | None = None
    earlier: int | None = None


class Bundle:
    """`lines` may be gone through once."""

    def __init__(self, database: Database, question: Question) -> None:
        """`NotFound` if there is no such thing, or nothing is sealed yet.

        `Invalid` if positions or sizes are asked for that are not reached.
        """
        self._database = database
        self._belongings = Belongings(database)
        with database.transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            newest = cursor.execute(NEWEST).fetchone()
            if newest is None:
                raise NotFound(NOTHING)
            self._size: int = newest["size"]
            self._tiles = Tiles(cursor)
            self._asked = self._checked(cursor, question)
            self.header = Header(
                newest["origin"],
                self._size,
                newest["note"],
                [row["vkey"] for row in cursor.execute(ALL).fetchall()],
                self._asked,
                self._earlier(cursor, question.earlier),
            )

    def lines(self) -> Iterator[bytes]:
        """The bundle in pieces of whole lines, of which none is long in coming."""
        digest, events = sha256(), 0
        first = line_of(self.header)
        digest.update(first)
        yield first
        position = self._asked.first - 1
        while position < self._asked.last:
            position, lines = self._piece(position)
            events += len(lines)
            piece = b"".join(lines)
            digest.update(piece)
            if piece:
                yield piece
        yield line_of(End(events, digest.hexdigest()))

    def _checked(self, cursor: Any, question: Question) -> Asked:
        last = self._size if question.last is None else question.last
        if last > self._size:
            what = f"to is {last}, but only {self._size} events are sealed"
            raise Invalid(what, field="to")
        if question.first > last:
            what = f"from is {question.first}, and to is only {last}"
            raise Invalid(what, field="from")
        environment, repository = question.environment, question.repository
        if environment and not _is_known(cursor, environment):
            raise EnvironmentNotFound("there never was such an environment")
        if repository and not _is_known(cursor, stream_of(repository)):
            raise ProjectNotFound("no such repository was ever registered")
        return Asked(
            environment=environment,
            repository=repository,
            first=question.first,
            last=last,
        )

    def _earlier(self, cursor: Any, size: int | None) -> Earlier | None:
        if size is None:
            return None
        if size > self._size:
            what = f"earlier is {size}, but only {self._size} events are sealed"
            raise Invalid(what, field="earlier")
        row = cursor.execute(EARLIER, [size]).fetchone()
        if row is None:
            raise NotFound(f"there is no checkpoint of {size} events")
        return Earlier(row["note"], self._tiles.consistency(size, self._size))

    def _piece(self, after: int) -> tuple[int, Sequence[bytes]]:
        """Up to where it looked, and a line for each event that it found."""
        until = min(after + SCAN_MAX, self._asked.last)
        values = {
            "after": after,
            "until": until,
            "about": self._asked.environment,
            "elsewhere": ELSEWHERE,
            "bytes": BATCH_BYTES_MAX,
            "limit": FOUND_MAX,
        }
        with self._database.cursor() as cursor:
            # Planned for what is asked: the filter makes all the difference.
            rows = cursor.execute(PIECE, values, prepare=False).fetchall()
        is_cut = len(rows) == FOUND_MAX
        is_cut = is_cut or sum(len(r["state"]) for r in rows) >= BATCH_BYTES_MAX
        if is_cut:
            until = rows[-1]["position"]
        # Between the two cursors: it asks the database, where this may be the only one.
        found = self._wanted([Leaf(**row) for row in rows])
        with self._database.cursor() as cursor:
            self._tiles.use(cursor)
            return until, [line_of(self._line(leaf)) for leaf in found]

    def _line(self, leaf: Leaf) -> Any:
        proof = self._tiles.inclusion(leaf.position, self._size)
        return event_line(leaf, self._told(leaf.state), proof)

    def _told(self, state: bytes) -> bytes:
        """In cipher remains what cannot be opened here: it was sealed all the same."""
        try:
            return shown(state, self._database.subjects)
        except (VaultClosed, ValueError):
            return state

    def _wanted(self, leaves: Sequence[Leaf]) -> Sequence[Leaf]:
        """Whatever cannot be read is among them: it has been tampered with."""
        if self._asked.is_everything:
            return leaves
        read = [(leaf, _record(leaf)) for leaf in leaves]
        return [leaf for leaf, r in read if r is None or self._is_wanted(r)]

    def _is_wanted(self, record: Recorded) -> bool:
        if environment := self._asked.environment:
            is_its_own = record.originator_id == environment
            return is_its_own or subject_of(record).id == environment
        try:
            [whose] = self._belongings.of([record])
        except UNDECODABLE:
            return True
        return fold(whose.repository or "") == fold(self._asked.repository or "")


def _is_known(cursor: Any, stream: str) -> bool:
    return cursor.execute(KNOWN, [stream]).fetchone() is not None


def _record(leaf: Leaf) -> Recorded | None:
    """Whatever is hidden in it is no matter here; None if it cannot be read."""
    try:
        stored = decode(leaf.state)
    except UNDECODABLE:
        return None
    id_, event, origin = stored.id, stored.event, stored.origin
    return Recorded(leaf.stream, leaf.version, leaf.position, id_, event, origin)
