"""No cell of a table is a formula, to whatever spreadsheet, and nothing is lost."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.attachment import attachment
from api.csv_table import harmless, in_json, lines

DANGEROUS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "  =1",
    "\t=1",
    "\r=1",
    "\n=1",
    "\N{ZERO WIDTH NO-BREAK SPACE}=1",
    "\N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}@a",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{FULLWIDTH PLUS SIGN}1",
    "\N{FULLWIDTH HYPHEN-MINUS}1",
    "\N{FULLWIDTH COMMERCIAL AT}A",
    "\N{SMALL EQUALS SIGN}1",
    "\N{MINUS SIGN}1",
    "\N{RIGHT-TO-LEFT OVERRIDE}=1",
    '"=1',
)
HARMLESS = ("", "a=1", "1-2", "ann@acme.example", "UAT", "a; b", "a,b", '"', "'=1")
# What a cell may begin with, and what may seem to end it.
ODD = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\u2212;,|\t\r\n \u00a0\ufeff\u200b\"'(a1"
texts = st.text(st.sampled_from(ODD), max_size=12) | st.text(max_size=12)


def seen(table: bytes, delimiter: str = ",") -> list[list[str]]:
    """The cells as a spreadsheet reads them."""
    text = io.StringIO(table.decode(), newline="")
    return [*csv.reader(text, delimiter=delimiter)]


def is_formula(cell: str) -> bool:
    """As the most credulous spreadsheet there could be would have it."""
    plain = unicodedata.normalize("NFKC", cell).replace("\u2212", "-")
    begin = "".join(c for c in plain if c.isprintable() and not c.isspace())
    return begin.startswith(("=", "+", "-", "@"))


def of_one(cell: str) -> str:
    [[_, told, _]] = seen(lines([["a", cell, "z"]]))
    return told


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_is_made_text(text: str) -> None:
    told = of_one(text)
    assert told != text
    assert told.startswith("'")
    assert told.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert of_one(text) == text


@given(st.lists(st.lists(texts, min_size=1, max_size=4), max_size=4))
@example([["a;=1;b", "x\n=1"], ['a;"=1']])
def test_no_cell_is_a_formula_wherever_it_is_taken_to_begin(
    rows: list[list[str]],
) -> None:
    table = lines([["row", *row] for row in rows])
    for delimiter in ",;\t":
        for row in seen(table, delimiter):
            assert not any(map(is_formula, row)), (delimiter, row)
    controls = ("\t", "\r", "\n")
    assert not any(cell.startswith(controls) for row in seen(table) for cell in row)


@given(st.lists(st.lists(texts, min_size=1, max_size=4), max_size=4))
def test_nothing_is_lost_and_nothing_but_apostrophes_is_added(
    rows: list[list[str]],
) -> None:
    told = seen(lines([["row", *row] for row in rows]))
    assert [[cell.replace("'", "") for cell in row[1:]] for row in told] == [
        [cell.replace("'", "") for cell in row] for row in rows
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(texts, json_values, max_size=4))
@example({"reason": "a;=1", ";": "=1", "b": ';"=1'})
def test_json_means_the_same_and_is_no_formula(value: dict[str, object]) -> None:
    text = in_json(value)
    assert json.loads(text) == value
    assert harmless(text) == text
    table = lines([["row", text, "z"]])
    assert seen(table)[0][1] == text
    for delimiter in ";\t":
        assert not any(map(is_formula, seen(table, delimiter)[0]))


def test_numbers_stay_numbers_and_instants_tell_their_zone() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 5000, UTC)
    table = lines([[-5, 1.5, None, at], ["-5", "1,5", 'a"b', "c\r\nd"]])
    first, second = table.split(b"\r\n", 1)
    assert first == b"-5,1.5,,2026-01-31T12:00:00.005000Z"
    assert second == b'\'-5,"1,5","a""b","c\r\nd"\r\n'


def test_the_name_of_a_file_cannot_break_out_of_its_header() -> None:
    [value] = attachment('berth-acme/sh"op\r\nx: y.csv').values()
    assert value == 'attachment; filename="berth-acme-sh-op-x-y.csv"'
