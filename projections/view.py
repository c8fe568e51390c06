"""A view is a name, its tables, and a pure function from records to writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from domain.record import Recorded

Row = Mapping[str, Any]
# A statement of the view's .sql file, and the rows it takes as the JSON array %(rows)s.
Write = tuple[LiteralString, Sequence[Row]]


@dataclass(frozen=True, eq=False)
class View:
    """`project` takes the records of one batch and says what they change, in order.

    Rows go to the database many at a time: one statement a kind of change and batch,
    not one an event.
    """

    name: str
    tables: Sequence[LiteralString]
    project: Callable[[Sequence[Recorded]], Iterable[Write]]
