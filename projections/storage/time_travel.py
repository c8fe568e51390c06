"""Folds streams as they were at a position, from the nearest snapshot before it.

A snapshot is what one `Fold` made of the beginning of one stream. Neither ever changes,
so it cannot be wrong; but code changes: one of another shape is not looked at. And one
that names somebody who was erased meanwhile is not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any, LiteralString, NamedTuple, TypeVar

import msgspec

from domain.errors import JournalUnavailable
from domain.fold import Fold, PastNotFolded
from projections.storage.database import Database
from projections.storage.failures import ALTERED, UNDECODABLE
from projections.storage.heads import shape_of_state
from projections.storage.mapper import KNOWN, NEWER, recorded_in
from projections.storage.subjects import Subjects
from projections.storage.threads import in_thread

S = TypeVar("S")

SNAPSHOT_EVERY = 200
LATEST = 2**62
PAGE = 5_000
# Of one reading. What it has made of so many is kept, so that it can be asked again.
EVENTS_MAX = 200_000

NEAREST: LiteralString = """
SELECT nearest.* FROM unnest(%(streams)s::text[]) AS wanted (stream), LATERAL (
    SELECT stream, position, version, state FROM history_snapshot AS kept
    WHERE kept.stream = wanted.stream AND position <= %(position)s AND shape = %(shape)s
    ORDER BY position DESC LIMIT 1
) AS nearest
"""
# Of what is later, only that it is there.
NEXT: LiteralString = """
SELECT event.*
FROM unnest(%(streams)s::text[], %(versions)s::bigint[]) AS known (stream, version),
LATERAL (
    SELECT originator_id, originator_version, notification_id, topic,
        CASE WHEN notification_id <= %(upto)s THEN state END AS state
    FROM berth_events WHERE originator_id = stream AND originator_version > version
    ORDER BY originator_version LIMIT %(limit)s
) AS event
"""
KEEP: LiteralString = """
INSERT INTO history_snapshot (stream, position, version, shape, state)
SELECT * FROM unnest(
    %(streams)s::text[], %(positions)s::bigint[], %(versions)s::bigint[],
    %(shapes)s::text[], %(states)s::bytea[]
)
WHERE coalesce((SELECT number FROM erasure), 0) <= %(erasures)s
ORDER BY 1, 2  -- Else two at once might wait for each other.
ON CONFLICT (stream, position) DO UPDATE SET
    version = excluded.version, shape = excluded.shape, state = excluded.state
WHERE history_snapshot.shape <> excluded.shape
"""
FORGET: LiteralString = "DELETE FROM history_snapshot WHERE shape <> ALL(%s)"


@dataclass(slots=True)
class Reached:
    """How far a stream has been folded; `version` 0: nothing of it was there.

    `broken` says why what comes after that cannot be told here, if it cannot.
    """

    state: Any
    version: int = 0
    position: int = 0
    broken: str = ""


class Journey(NamedTuple):
    """Where each stream has come to, those with more to read, and snapshots kept."""

    reached: Mapping[str, Reached]
    left: Collection[str]
    kept: int


class TimeTravel:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def states(
        self, fold: Fold[S], streams: Collection[str], position: int
    ) -> Mapping[str, S]:
        """By stream, of those that had begun at `position`.

        `PastNotFolded` if it takes more than `EVENTS_MAX` events: what was folded so
        far is kept for the next time. `JournalUnavailable` if only a newer version of
        Berth can tell what one of them was by then, or somebody has altered it.
        """
        reached, left, _ = await in_thread(
            self._travel, fold, streams, position, EVENTS_MAX
        )
        if broken := next((one.broken for one in reached.values() if one.broken), ""):
            raise JournalUnavailable(broken)
        if left:
            raise PastNotFolded(
                f"it takes more than {EVENTS_MAX} events that were not folded yet: ask"
                " again, and it goes on where it stopped"
            )
        return {stream: one.state for stream, one in reached.items() if one.version}

    async def keep(self, fold: Fold[Any], streams: Collection[str], most: int) -> int:
        """Make the snapshots of these ahead, from some `most` events; how many."""
        made = await in_thread(self._travel, fold, streams, LATEST, most)
        return made.kept

    async def forget_others(self, folds: Collection[Fold[Any]]) -> None:
        """Drop what no code reads any more."""
        await in_thread(self._forget_others, [shape_of(fold) for fold in folds])

    def _forget_others(self, shapes: Sequence[str]) -> None:
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(FORGET, [shapes])

    def _travel(
        self, fold: Fold[S], streams: Collection[str], position: int, most: int
    ) -> Journey:
        subjects = self._database.subjects
        erasures = subjects.look() if subjects else 0
        reached = self._nearest(fold, streams, position)
        kept: dict[tuple[str, int], Reached] = {}
        left, read = set(streams), 0
        while left and read < most:
            limit = min(SNAPSHOT_EVERY, ceil(PAGE / len(left)))
            found = self._next(reached, left, position, limit)
            counts = Counter(row["originator_id"] for row in found)
            left = {stream for stream in left if counts[stream] == limit}
            over = set[str]()
            for row in found:
                stream, one = row["originator_id"], reached[row["originator_id"]]
                if stream in over or not _goes_on(fold, one, row, subjects):
                    over.add(stream)
                elif one.version % SNAPSHOT_EVERY == 0:
                    kept[stream, one.position] = replace(one)
            left -= over
            read += len(found)
        kept |= {(stream, reached[stream].position): reached[stream] for stream in left}
        return Journey(reached, left, self._keep(fold, kept, erasures))

    def _nearest(
        self, fold: Fold[S], streams: Collection[str], position: int
    ) -> dict[str, Reached]:
        reached = {stream: Reached(fold.initial) for stream in streams}
        values = {
            "streams": [*streams],
            "position": position,
            "shape": shape_of(fold),
        }
        with self._database.cursor() as cursor:
            for row in cursor.execute(NEAREST, values, prepare=False):
                state = _decoder_of(fold).decode(row["state"])
                found = Reached(state, row["version"], row["position"])
                reached[row["stream"]] = found
        return reached

    def _next(
        self,
        reached: Mapping[str, Reached],
        left: Collection[str],
        upto: int,
        limit: int,
    ) -> Sequence[Mapping[str, Any]]:
        values = {
            "streams": [*left],
            "versions": [reached[stream].version for stream in left],
            "limit": limit,
            "upto": upto,
        }
        with self._database.cursor() as cursor:
            return cursor.execute(NEXT, values, prepare=False).fetchall()

    def _keep(
        self, fold: Fold[S], kept: Mapping[tuple[str, int], Reached], erasures: int
    ) -> int:
        """None if there have been more `erasures` than when it was begun."""
        if not kept:
            return 0
        values = {
            "streams": [stream for stream, _ in kept],
            "positions": [position for _, position in kept],
            "versions": [one.version for one in kept.values()],
            "shapes": [shape_of(fold)] * len(kept),
            "states": [msgspec.json.encode(one.state) for one in kept.values()],
            "erasures": erasures,
        }
        with self._database.transaction(commit=True) as cursor:
            return cursor.execute(KEEP, values, prepare=False).rowcount


def _goes_on(
    fold: Fold[S], one: Reached, row: Mapping[str, Any], subjects: Subjects | None
) -> bool:
    """Fold the next event of a stream; False if its past ends before that.

    Versions have no gaps: what is missing between two of them might belong to it.
    """
    if row["originator_version"] != one.version + 1:
        one.broken = ALTERED
    elif row["state"] is None:
        pass  # It is later.
    elif row["topic"] not in KNOWN:
        one.broken = NEWER
    else:
        try:
            one.state = fold.follow(one.state, recorded_in(row, subjects))
        except (*UNDECODABLE, LookupError, AssertionError):
            one.broken = ALTERED
        else:
            one.version, one.position = one.version + 1, row["notification_id"]
            return True
    return False


@cache
def shape_of(fold: Fold[Any]) -> str:
    """It changes with the state's fields, and with the fold's own revision."""
    return shape_of_state(type(fold.initial), fold.revision)


@cache
def _decoder_of(fold: Fold[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(type(fold.initial))
