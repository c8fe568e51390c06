"""When two values of JSON are the same."""

from __future__ import annotations

from typing import Any


def is_same(one: Any, other: Any) -> bool:
    """As `==`, but true is not 1, nor false 0; 1 and 1.0 are one number, as in JSON."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case dict(), dict():
            return one.keys() == other.keys() and all(
                is_same(value, other[key]) for key, value in one.items()
            )
        case list(), list():
            return len(one) == len(other) and all(map(is_same, one, other))
        case _:
            return bool(one == other)
