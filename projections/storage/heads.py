"""Where streams stand, as far as this process knows: a bounded cache, never trusted.

A stream that is not known is loaded from its latest snapshot and the events since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, LiteralString, TypeVar

import msgspec
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.decider import Decider
from projections.storage.batch import Head

HEADS_MAX = 20_000
SNAPSHOT_EVERY = 500

S = TypeVar("S")

FIND: LiteralString = """
SELECT stream, version, state FROM snapshot
JOIN unnest(%s::text[], %s::text[]) AS wanted (stream, shape) USING (stream, shape)
"""
KEEP: LiteralString = """
INSERT INTO snapshot (stream, version, shape, state) VALUES (%s, %s, %s, %s)
ON CONFLICT (stream) DO UPDATE
SET version = excluded.version, shape = excluded.shape, state = excluded.state
"""


class Heads(Mapping[str, Head]):
    """Those in use, and others up to `limit`, the ones used last.

    None is forgotten but by `forget`: a batch needs all of its own until its end.
    """

    def __init__(self, limit: int = HEADS_MAX) -> None:
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._limit = limit

    def __getitem__(self, stream: str) -> Head:
        self._heads.move_to_end(stream)
        return self._heads[stream]

    def __iter__(self) -> Iterator[str]:
        return iter(self._heads)

    def __len__(self) -> int:
        return len(self._heads)

    def __contains__(self, stream: object) -> bool:
        return stream in self._heads

    def keep(self, heads: Mapping[str, Head]) -> None:
        for stream, head in heads.items():
            self._heads[stream] = head
            self._heads.move_to_end(stream)

    def drop(self, streams: Iterable[str]) -> None:
        for stream in streams:
            self._heads.pop(stream, None)

    def forget(self) -> None:
        """Down to the limit, the ones unused for longest first."""
        while len(self._heads) > self._limit:
            self._heads.popitem(last=False)


def find_snapshots(
    cursor: Cursor[DictRow], deciders: Mapping[str, Decider[Any, Any, Any]]
) -> dict[str, Head]:
    """The latest snapshot of each stream, if its shape is still today's."""
    shapes = [shape_of(decider) for decider in deciders.values()]
    rows = cursor.execute(FIND, (list(deciders), shapes), prepare=True)
    return {
        row["stream"]: Head(
            version=row["version"],
            state=_decoder_of(deciders[row["stream"]]).decode(row["state"]),
            snapshot=row["version"],
        )
        for row in rows
    }


def keep_snapshots(
    cursor: Cursor[DictRow],
    heads: Mapping[str, Head],
    deciders: Mapping[str, Decider[Any, Any, Any]],
) -> dict[str, Head]:
    """Store the state of each stream that has grown long since its last snapshot."""
    kept: dict[str, Head] = {}
    for stream, head in heads.items():
        if head.version - head.snapshot < SNAPSHOT_EVERY:
            continue
        values = (
            stream,
            head.version,
            shape_of(deciders[stream]),
            msgspec.json.encode(head.state),
        )
        cursor.execute(KEEP, values, prepare=True)
        kept[stream] = Head(head.version, head.state, head.version)
    return kept


@cache
def shape_of(decider: Decider[Any, Any, Any]) -> str:
    """Changes with the structure of the state, and with the decider's revision."""
    schema = msgspec.json.encode(msgspec.json.schema(type(decider.initial)))
    return f"{decider.revision}-{sha256(schema).hexdigest()[:16]}"


@cache
def _decoder_of(decider: Decider[Any, Any, S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(type(decider.initial))
