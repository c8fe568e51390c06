"""Where streams stand, as far as this process knows: a bounded cache, never trusted.

A stream that is not known is loaded from its latest snapshot and the events since.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from math import ceil
from typing import Any, TypeVar

import msgspec

from domain.decider import Decider
from domain.record import Recorded
from projections.storage.batch import Deciders, Head
from projections.storage.recorder import Recorder, Snapshot

HEADS_MAX = 20_000
# As JSON; in memory, a state may take a few times as much.
HEADS_BYTES_MAX = 64 * 1024 * 1024
SNAPSHOT_EVERY = 500
# Of what others have appended to one stream, which is read with the journal locked.
NEWS_MAX = 200
PAGE = 1_000

S = TypeVar("S")
encode = msgspec.json.Encoder().encode


class Heads(Mapping[str, Head]):
    """Those in use, and others up to `limit` and `bytes_max`, the ones used last.

    None is forgotten but by `forget`: a batch needs all of its own until its end.
    """

    def __init__(
        self, limit: int = HEADS_MAX, bytes_max: int = HEADS_BYTES_MAX
    ) -> None:
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._limit = limit
        self._bytes_max = bytes_max
        # What each takes as JSON, and the version that it was measured at.
        self._sizes: dict[str, tuple[int, int]] = {}
        self._bytes = 0

    def __getitem__(self, stream: str) -> Head:
        self._heads.move_to_end(stream)
        return self._heads[stream]

    def __iter__(self) -> Iterator[str]:
        return iter(self._heads)

    def __len__(self) -> int:
        return len(self._heads)

    def __contains__(self, stream: object) -> bool:
        return stream in self._heads

    @property
    def has_room(self) -> bool:
        """For those that are told of between two appends, beyond what is kept."""
        is_long = len(self._heads) >= self._limit + self._limit // 4
        return not is_long and self._bytes < self._bytes_max + self._bytes_max // 4

    def keep(self, heads: Mapping[str, Head]) -> None:
        for stream, head in heads.items():
            self._heads[stream] = head
            self._heads.move_to_end(stream)
            self._measure(stream, head)

    def cold(self, deciders: Deciders) -> Deciders:
        """Those whose streams are not known here."""
        return {s: d for s, d in deciders.items() if s not in self._heads}

    def versions(self, streams: Iterable[str]) -> Mapping[str, int]:
        return {stream: self[stream].version for stream in streams}

    def drop_far_behind(self, news: Iterable[Recorded], most: int) -> bool:
        """Those of which there may be more than `most` news; whether there are any.

        To load them anew is quicker, and is not done while the journal is locked.
        """
        numbers = Counter(record.originator_id for record in news)
        far = [stream for stream, number in numbers.items() if number >= most]
        for stream in far:
            self._drop(stream)
        return bool(far)

    def keep_none(self) -> None:
        """Between two batches."""
        self._heads.clear()
        self._sizes.clear()
        self._bytes = 0

    def forget(self) -> None:
        """Down to the limits, the ones unused for longest first."""
        while len(self._heads) > self._limit or self._bytes > self._bytes_max:
            self._drop(next(iter(self._heads)))

    def _drop(self, stream: str) -> None:
        del self._heads[stream]
        size, _ = self._sizes.pop(stream)
        self._bytes -= size

    def _measure(self, stream: str, head: Head) -> None:
        """Now and then: whenever twice as much has happened there."""
        size, version = self._sizes.get(stream, (0, -1))
        if head.version >= 2 * version:
            measured = len(encode(head.state))
            self._sizes[stream] = measured, head.version
            self._bytes += measured - size


async def loaded(recorder: Recorder, cold: Deciders) -> Mapping[str, Head]:
    """Where streams stand that are not known, folded a page at a time.

    That may take long, so it is best done before the journal is locked.
    """
    shapes = {stream: shape_of(decider) for stream, decider in cold.items()}
    heads = {stream: Head(0, decider.initial) for stream, decider in cold.items()}
    heads |= regained(await recorder.find_snapshots(shapes), cold)
    left = set(cold)
    while left:
        limit, read = ceil(PAGE / len(left)), Counter[str]()
        known = {stream: heads[stream].version for stream in left}
        for record in await recorder.news(known, limit=limit):
            stream = record.originator_id
            heads[stream] = heads[stream].followed_by(record.event, cold[stream])
            read[stream] += 1
        left = {stream for stream in left if read[stream] == limit}
    return heads


def regained(
    snapshots: Iterable[Snapshot], deciders: Mapping[str, Decider[Any, Any, Any]]
) -> dict[str, Head]:
    """By stream; each snapshot is of its decider's present shape."""
    return {
        snapshot.stream: Head(
            version=snapshot.version,
            state=_decoder_of(deciders[snapshot.stream]).decode(snapshot.state),
            snapshot=snapshot.version,
        )
        for snapshot in snapshots
    }


def snapshots_due(
    heads: Mapping[str, Head], deciders: Mapping[str, Decider[Any, Any, Any]]
) -> Sequence[Snapshot]:
    """One of each stream that has grown long since its last."""
    return [
        Snapshot(
            stream,
            head.version,
            shape_of(deciders[stream]),
            encode(head.state),
        )
        for stream, head in heads.items()
        if head.version - head.snapshot >= SNAPSHOT_EVERY
    ]


@cache
def shape_of(decider: Decider[Any, Any, Any]) -> str:
    return shape_of_state(type(decider.initial), f"{decider.revision}")


def shape_of_state(state_type: type[Any], revision: str) -> str:
    """Changes with the structure of the state, and with the `revision` of its rules."""
    schema = msgspec.json.encode(msgspec.json.schema(state_type))
    return f"{revision}-{sha256(schema).hexdigest()[:16]}"


@cache
def _decoder_of(decider: Decider[Any, Any, S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(type(decider.initial))
