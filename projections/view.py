"""A view is a name, its tables, and a pure function from records to writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString, get_args

from domain.catalog import AnyEvent, tag
from domain.event import Event
from domain.record import Recorded

Row = Mapping[str, Any]
Values = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class NewRows:
    """Where rows go that are new for certain, each column with its type.

    They come as values in the order of the columns, and are copied, which costs
    PostgreSQL half of what a statement does.
    """

    table: LiteralString
    columns: Mapping[LiteralString, LiteralString]


# A statement of the view's .sql file, which takes the rows as the JSON array %(rows)s.
Write = tuple[LiteralString, Sequence[Row]] | tuple[NewRows, Sequence[Values]]


@dataclass(frozen=True, eq=False)
class View:
    """`project` takes the records of one batch and says what they change, in order.

    Rows go to the database many at a time: one write a kind of change and batch, not
    one an event. Of the journal it is shown only the kinds of event in `events`.

    `erase` are statements that put %(erased_as)s in the place of the person %(name)s,
    and %(erased)s in that of what else is known of them, in the live tables.

    `used_indexes` are those, beside primary keys, by which its writes find their rows.
    """

    name: str
    tables: Sequence[LiteralString]
    project: Callable[[Iterable[Recorded]], Iterable[Write]]
    events: Collection[type[Event]] = get_args(AnyEvent)
    erase: Sequence[LiteralString] = ()
    used_indexes: Collection[str] = ()

    @cached_property
    def _kinds(self) -> frozenset[type[Event]]:
        return frozenset(self.events)

    @cached_property
    def topics(self) -> Sequence[str]:
        return [tag(event) for event in self.events]

    def shown(self, records: Iterable[Recorded], after: int = 0) -> Sequence[Recorded]:
        """Those that the view shows of `records`, beyond the position `after`."""
        return [
            record
            for record in records
            if record.position > after and type(record.event) in self._kinds
        ]
