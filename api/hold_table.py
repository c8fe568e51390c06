"""Holds as a table for people: a row each, with the columns that JSON has as fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import fields

from api.csv_table import Cell, in_json, lines
from api.hold_answers import HoldAnswer, holds_page
from api.past import Period
from projections.history import Known
from projections.storage.reader import Reader

PIECE_MAX = 500
FIELDS = {field.encode_name: field.name for field in fields(HoldAnswer)}


async def hold_table(
    reader: Reader, known: Sequence[Known], period: Period
) -> AsyncIterator[bytes]:
    """All in the period, newest first, piece by piece."""
    yield lines([[*FIELDS]])
    names = {one.id: one.name for one in known}
    last: int | None = period.last
    while last is not None:
        piece = period._replace(last=last)
        page = await holds_page(reader, names, piece, PIECE_MAX, 0)
        if page.holds:
            yield lines(map(row, page.holds))
        last = None if page.earliest is None else page.earliest - 1


def row(hold: HoldAnswer) -> Sequence[Cell]:
    """What was released and disclosed under it is JSON."""
    values = [getattr(hold, name) for name in FIELDS.values()]
    return [in_json(value) if isinstance(value, list) else value for value in values]
