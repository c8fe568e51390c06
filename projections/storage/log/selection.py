"""The sealed events that somebody asks for, read piece by piece.

Of any length, it takes little memory; however the journal grows meanwhile, all pieces
are of what was sealed when it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString

from msgspec import Struct

from domain.errors import EnvironmentNotFound, Invalid, ProjectNotFound
from domain.instant import told
from domain.naming import fold
from domain.outward.subject import subject_of
from domain.project import stream_of
from domain.record import Recorded
from domain.seal.bundle import Asked
from domain.seal.leaf import Leaf
from projections.storage.belongings import Belongings
from projections.storage.checkpoint import BATCH_BYTES_MAX
from projections.storage.database import Database
from projections.storage.events_read import ELSEWHERE
from projections.storage.failures import UNDECODABLE
from projections.storage.instants import moment_in
from projections.storage.mapper import decode

SCAN_MAX = 10_000
FOUND_MAX = 500
KNOWN: LiteralString = """
SELECT FROM berth_events WHERE originator_id = %s AND notification_id <= %s LIMIT 1
"""
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
Bound = int | datetime


class Question(Struct, frozen=True):
    """What is asked for: all about an environment, of a repository, or everything.

    `first` and `last` are positions, or instants: then it is what happened from the one
    to the other. Without `last`, or if it is a later instant, up to the newest
    checkpoint. `earlier` is the size of one from which that has to go on.
    """

    environment: str | None = None
    repository: str | None = None
    first: Bound = 1
    last: Bound | None = None
    earlier: int | None = None


class Selection:
    """`pieces` may be gone through any number of times."""

    def __init__(self, database: Database, asked: Asked) -> None:
        self.asked = asked
        self._database = database
        self._belongings = Belongings(database)

    def pieces(self) -> Iterator[Sequence[Leaf]]:
        """In order, and none is empty."""
        position = self.asked.first - 1
        while position < self.asked.last:
            position, leaves = self._piece(position)
            if leaves:
                yield leaves

    def _piece(self, after: int) -> tuple[int, Sequence[Leaf]]:
        """Up to where it looked, and what it found."""
        until = min(after + SCAN_MAX, self.asked.last)
        values = {
            "after": after,
            "until": until,
            "about": self.asked.environment,
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
        return until, self._wanted([Leaf(**row) for row in rows])

    def _wanted(self, leaves: Sequence[Leaf]) -> Sequence[Leaf]:
        if self.asked.is_everything:
            return leaves
        return [leaf for leaf in leaves if self._is_wanted(leaf)]

    def _is_wanted(self, leaf: Leaf) -> bool:
        """What cannot be read was tampered with, or a newer version has written it."""
        record = _record(leaf)
        if environment := self.asked.environment:
            is_its_own = leaf.stream == environment
            return is_its_own or record is None or subject_of(record).id == environment
        try:
            if record is None:
                whose = self._belongings.of_stream(leaf.stream)
            else:
                [whose] = self._belongings.of([record])
        except UNDECODABLE:
            return True
        return fold(whose.repository or "") == fold(self.asked.repository or "")


def checked(cursor: Any, question: Question, size: int) -> Asked:
    """The question in positions, of which `size` are sealed.

    `Invalid` if they are not reached or are reversed; `NotFound` if there was no such
    environment or repository up to then.
    """
    first, last = _range(cursor, question, size)
    environment, repository = question.environment, question.repository
    if environment and not _is_known(cursor, environment, last):
        raise EnvironmentNotFound("there was no such environment up to then")
    if repository and not _is_known(cursor, stream_of(repository), last):
        raise ProjectNotFound("no such repository was registered up to then")
    return Asked(environment=environment, repository=repository, first=first, last=last)


def _range(cursor: Any, question: Question, size: int) -> tuple[int, int]:
    """Since an instant there may be none: then the last is before the first."""
    first, last = question.first, question.last
    if isinstance(first, datetime):
        moment = moment_in(cursor, first, inclusive=False)
        if first > moment.now:
            what = f"from is in the future: it is {told(moment.now)} now"
            raise Invalid(what, field="from")
        if isinstance(last, datetime) and first > last:
            raise Invalid("from must not be after to", field="from")
        begin = moment.position + 1
    else:
        begin = first
    if isinstance(last, datetime):
        end = min(moment_in(cursor, last, inclusive=True).position, size)
    else:
        end = size if last is None else last
    if end > size:
        raise Invalid(f"to is {end}, but only {size} events are sealed", field="to")
    if end == 0:
        raise Invalid("to is before the first event of all", field="to")
    if begin > end and not isinstance(first, datetime):
        raise Invalid(f"from is {begin}, and to is only {end}", field="from")
    return begin, end


def _is_known(cursor: Any, stream: str, upto: int) -> bool:
    return cursor.execute(KNOWN, [stream, upto]).fetchone() is not None


def _record(leaf: Leaf) -> Recorded | None:
    """Whatever is hidden in it is no matter here; None if it cannot be read."""
    try:
        stored = decode(leaf.state)
    except UNDECODABLE:
        return None
    id_, event, origin = stored.id, stored.event, stored.origin
    return Recorded(leaf.stream, leaf.version, leaf.position, id_, event, origin)
