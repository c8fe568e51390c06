"""What others wrote, for a terminal, a log or a message: it stays in its line."""

from __future__ import annotations

from unicodedata import category

from domain.naming import UNSEEN


def short(text: str, length_max: int) -> str:
    """In one line, without characters that cannot be seen, and no longer than that."""
    seen = "".join(" " if category(c) in UNSEEN else c for c in text)
    line = " ".join(seen.split())
    return line if len(line) <= length_max else f"{line[: length_max - 1]}…"
