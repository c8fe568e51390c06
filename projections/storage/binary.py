"""PostgreSQL's binary format of the few types that the journal's statements take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from psycopg.pq.abc import PGresult

TEXT_OID, BIGINT_OID, BYTEA_OID = 25, 20, 17
_head_of = Struct(">iiiii").pack  # dimensions, nulls, type, length, first index
_size_of = Struct(">i").pack


def bigint(value: int) -> bytes:
    """8 bytes, as PostgreSQL's binary format has them."""
    return value.to_bytes(8, "big", signed=True)


def bigints(values: Iterable[int]) -> bytes:
    return _array(BIGINT_OID, [bigint(value) for value in values])


def texts(values: Iterable[str]) -> bytes:
    return _array(TEXT_OID, [value.encode() for value in values])


def byteas(values: Iterable[bytes]) -> bytes:
    return _array(BYTEA_OID, list(values))


def _array(oid: int, items: Sequence[bytes]) -> bytes:
    parts = [_head_of(1, 0, oid, len(items), 1)]
    for item in items:
        parts += (_size_of(len(item)), item)
    return b"".join(parts)


class Row:
    """One row of a result, whose columns are none of them null."""

    __slots__ = ("_number", "_result")

    def __init__(self, result: PGresult, number: int) -> None:
        self._result = result
        self._number = number

    def bytea(self, column: int) -> bytes:
        value = self._result.get_value(self._number, column)
        assert value is not None
        return value

    def bigint(self, column: int) -> int:
        return int.from_bytes(self.bytea(column), "big", signed=True)

    def text(self, column: int) -> str:
        return self.bytea(column).decode()


def rows_of(result: PGresult) -> Iterable[Row]:
    return (Row(result, number) for number in range(result.ntuples))
