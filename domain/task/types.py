"""The kinds of task there are, and what each asks of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from domain.task.events import LOCAL

Data = dict[str, Any]


def anything(_: Data) -> None:
    return None


class TaskType(Struct, frozen=True):
    """`queue` is who takes it; see `Order`. Not public: no caller may submit it.

    `check` raises `Invalid` if something is wrong with the data. Of those with the same
    `concurrency_key`, at most `concurrency_max` run at once; None is without limit.
    """

    name: str
    queue: str = LOCAL
    is_public: bool = True
    default_timeout_ms: int | None = None
    concurrency_max: int = 1
    check: Callable[[Data], None] = anything
    concurrency_key: Callable[[Data], str | None] = anything
