"""One table has every setting that the code reads, and no other: docs/deploy.md.

What a pipeline sets, and what its command finds, is in docs/pipelines.md.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_house import FILES, ROOT
from workers import wiring

NAME = re.compile(r"BERTH_[A-Z][A-Z_]*[A-Z]")
TABLE = ROOT / "docs" / "deploy.md"
PIPELINES = ROOT / "docs" / "pipelines.md"
# Streams of NATS, and what an example of ours is given.
NONE = re.compile(r"BERTH_(TASKS(_.*)?|EVENTS|LOG|TOKEN|PASSWORD)")

COMMANDS = {"elsewhere.py", "locking.py", "looking.py"}


def names_in(path: Path) -> set[str]:
    found = NAME.findall(path.read_text())
    return {name for name in found if not NONE.fullmatch(name)}


def rows_of(page: Path) -> list[str]:
    """The names in the first column of its tables."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `B")]
    names = [name for row in rows for name in NAME.findall(row.split("|")[1])]
    return [name for name in names if not NONE.fullmatch(name)]


def is_for_pipelines(path: Path) -> bool:
    return path.parent.name == "pipeline" or path.name in COMMANDS


@pytest.mark.parametrize("page", [TABLE, PIPELINES], ids=lambda page: page.name)
def test_a_setting_has_one_row(page: Path) -> None:
    in_table = rows_of(page)
    assert len(in_table) == len({*in_table})


def test_the_table_has_every_setting_that_the_code_reads() -> None:
    ours = [path for path in FILES if not is_for_pipelines(path)]
    assert {*rows_of(TABLE)} == set().union(*(names_in(path) for path in ours))


def test_and_another_has_what_a_pipeline_sets_and_its_command_finds() -> None:
    theirs = set().union(*(names_in(p) for p in FILES if is_for_pipelines(p)))
    assert {*rows_of(PIPELINES)} == theirs - {*rows_of(TABLE)}


def test_no_page_speaks_of_a_setting_that_is_not_there() -> None:
    known = names_in(TABLE) | names_in(PIPELINES)
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        assert names_in(page) <= known, page.name


def test_the_page_tells_how_many_connections_a_process_may_take() -> None:
    """Those of its pools and its journal's; a worker follows the journal on others."""
    api = (
        wiring.READER_CONNECTIONS_MAX
        + wiring.SECRET_CONNECTIONS_MAX
        + wiring.WEBHOOK_CONNECTIONS_MAX
        + 1
    )
    tails = sum(len(re.findall(r"= Tail\(", file.read_text())) for file in FILES)
    page = " ".join(TABLE.read_text().split())
    told = f"Each API takes up to {api} connections to PostgreSQL, each worker up to"
    assert f"{told} {api + tails}:" in page
