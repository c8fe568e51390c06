"""A line for the person at the terminal, beside a command's own output."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(line: str) -> None:
    """Whether or not it can be written: what runs is not to end for that."""
    with suppress(OSError):
        sys.stderr.write(f"berth: {line}\n")
        sys.stderr.flush()
