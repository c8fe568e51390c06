"""In which order a repository's environments of one category are deployed to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from domain.entry import Entries
from domain.environment.events import Category
from domain.errors import Invalid
from domain.event import Command
from domain.naming import fold
from domain.project_events import EnvironmentsOrdered

NAMED_MAX = 10  # How many names a refusal tells of one kind.

Orders = Mapping[
    str, tuple[str, ...]
]  # category -> ids, the first to be deployed first


class OrderEnvironments(Command, frozen=True, kw_only=True):
    """`names` is the whole order from now on: whom it leaves out has no place in it.

    With `include_inactive`, inactive environments may have one, too.
    """

    category: Category
    names: tuple[str, ...]
    include_inactive: bool = False


def order(
    command: OrderEnvironments, entries: Entries, orders: Orders
) -> Sequence[EnvironmentsOrdered]:
    """`Invalid` says of every name that will not do why not."""
    ids = {fold(entry.name): key for key, entry in entries.items()}
    chosen: list[str] = []
    wrong: defaultdict[str, list[str]] = defaultdict(list)
    for name in command.names:
        environment_id = ids.get(fold(name))
        entry = entries.get(environment_id or "")
        if environment_id is None or entry is None:
            wrong["unknown"].append(name)
        elif entry.category != command.category:
            wrong[f"in {entry.category}, not {command.category}"].append(name)
        elif environment_id in chosen:
            wrong["given twice"].append(name)
        elif not entry.is_active and not command.include_inactive:
            wrong["inactive"].append(name)
        else:
            chosen.append(environment_id)
    if wrong:
        told = "; ".join(f"{', '.join(_few(n))}: {why}" for why, n in wrong.items())
        raise Invalid(f"environmentOrder: {told}", field="environmentOrder")
    return _ordered(command.category, tuple(chosen), orders)


def leave(
    environment_id: str, category: Category, orders: Orders
) -> Sequence[EnvironmentsOrdered]:
    """The environment gives its place up, if it has one; who comes after moves up."""
    rest = tuple(k for k in orders.get(category, ()) if k != environment_id)
    return _ordered(category, rest, orders)


def evolve(orders: Orders, event: EnvironmentsOrdered) -> dict[str, tuple[str, ...]]:
    changed = {**orders, event.category.value: event.environment_ids}
    return {category: ids for category, ids in changed.items() if ids}


def _ordered(
    category: Category, ids: tuple[str, ...], orders: Orders
) -> Sequence[EnvironmentsOrdered]:
    before = orders.get(category, ())
    if ids == before:
        return []  # It is the order already: nothing to append.
    left_out = tuple(key for key in before if key not in ids)
    return [EnvironmentsOrdered(category, ids, left_out)]


def _few(names: Sequence[str]) -> Sequence[str]:
    rest = len(names) - NAMED_MAX
    return names if rest <= 0 else [*names[:NAMED_MAX], f"{rest} more"]
