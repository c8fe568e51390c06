"""One table has every setting that the code reads, and no other: docs/deploy.md."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.test_house import FILES, ROOT

NAME = re.compile(r"BERTH_[A-Z][A-Z_]*[A-Z]")
TABLE = ROOT / "docs" / "deploy.md"
# Streams of NATS, and what an example of ours is given.
NONE = re.compile(r"BERTH_(TASKS(_.*)?|EVENTS|LOG|TOKEN|PASSWORD)")


def names_in(path: Path) -> set[str]:
    found = NAME.findall(path.read_text())
    return {name for name in found if not NONE.fullmatch(name)}


def test_the_table_has_every_setting_that_the_code_reads() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| `B")]
    in_table = [name for row in rows for name in NAME.findall(row.split("|")[1])]
    assert len(in_table) == len({*in_table}), "a setting has one row"
    read = set().union(*(names_in(path) for path in FILES))
    assert {*in_table} == read


def test_no_page_speaks_of_a_setting_that_is_not_there() -> None:
    known = names_in(TABLE)
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        assert names_in(page) <= known, page.name
