"""Holds as a table for people: a row each, with the columns that JSON has as fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import fields

from api.csv_table import Cell, in_json, lines
from api.hold_answers import HoldAnswer, holds_page
from api.past import Period
from projections.history import Known
from projections.storage.reader import Reader

PIECE_MAX = 500
# How many positions are looked through at first; and by how much more if that was few.
SPAN = 5_000
WIDER = 4
NEVER = datetime.max.replace(tzinfo=UTC)
FIELDS = {field.encode_name: field.name for field in fields(HoldAnswer)}


async def hold_table(
    reader: Reader, known: Sequence[Known], period: Period
) -> AsyncIterator[bytes]:
    """All in the period, newest first, piece by piece.

    Each is of so many positions as a piece is likely to be found in: of each of many
    environments, no more is read than that.
    """
    yield lines([[*FIELDS]])
    names = {one.id: one.name for one in known}
    last, span = period.last, SPAN
    while True:
        first = max(period.first, last - span + 1)
        is_end = first == period.first
        # What had begun before is of the period, if at all, and not of a part of it.
        piece = Period(period.since if is_end else NEVER, period.until, first, last)
        page = await holds_page(reader, names, piece, PIECE_MAX, 0)
        if page.holds:
            yield lines(map(row, page.holds))
        if page.earliest is not None and len(page.holds) == PIECE_MAX:
            span, last = last - page.earliest + 1, page.earliest - 1
        elif is_end:
            return
        else:
            span, last = span * WIDER, first - 1


def row(hold: HoldAnswer) -> Sequence[Cell]:
    """What was released and disclosed under it is JSON."""
    values = [getattr(hold, name) for name in FIELDS.values()]
    return [in_json(value) if isinstance(value, list) else value for value in values]
