"""Handlers that do what handlers should, and all that they should not."""

from __future__ import annotations

from typing import Any


def noop(_context: Any, _data: dict[str, Any]) -> None:
    """Nothing."""
