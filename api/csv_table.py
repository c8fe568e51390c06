"""Tables for people, as RFC 4180 has them, of which no cell is taken for a formula.

What begins like one is text to a spreadsheet with an apostrophe before it (OWASP, "CSV
Injection"): also after characters that cannot be seen, in forms that are as good as
ASCII's, and after what another spreadsheet takes for the end of a cell.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from unicodedata import category, normalize

import msgspec

from domain.instant import told

APOSTROPHE = "'"
SIGNS = frozenset("=+-@\N{MINUS SIGN}")
# Controls, spaces, marks and what cannot be seen: a spreadsheet may pass over them.
UNSEEN = frozenset("CZM")
ENDS = re.compile("([;\t\r\n])")
Cell = str | int | float | datetime | None


def lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Each ends with CRLF. Numbers stay numbers; None is an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_told(cell) for cell in row] for row in rows)
    return text.getvalue().encode(errors="replace")


def harmless(text: str) -> str:
    """The same text, unless some spreadsheet might take it or a part for a formula."""
    parts = ENDS.split(text)
    safe = "".join(APOSTROPHE + p if _is_formula(p) else p for p in parts)
    is_control = text[:1] and category(text[0]) == "Cc"
    return APOSTROPHE + safe if is_control else safe


def in_json(value: Any) -> str:
    """As JSON that means just the same, and is harmless as it is."""
    text = msgspec.json.encode(value).decode()
    head, *parts = text.split(";")
    return head + "".join(
        ("\\u003b" if _is_formula(part) else ";") + part for part in parts
    )


def _told(cell: Cell) -> str | int | float | None:
    match cell:
        case str():
            return harmless(cell)
        case datetime():
            return told(cell)
        case _:
            return cell


def _is_formula(text: str) -> bool:
    for character in text:
        if character == '"' or category(character)[0] in UNSEEN:
            continue
        return normalize("NFKC", character)[0] in SIGNS
    return False
