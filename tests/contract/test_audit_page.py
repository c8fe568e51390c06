"""docs/audit.md and docs/replay.md are asked as they stand, of a smaller week.

They answer as they show.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.seal.note import checkpoint_of, note_of
from tests.contract.test_readme import ROOT, of, started
from tests.support.running import free_port, until
from workers.sealing.file import notes_in

AUDIT, REPLAY = "audit.md", "replay.md"
BLOCK = re.compile(
    r"^```sh\n(.*?)^```(?:\n\n```\n(.*?)^```)?", re.MULTILINE | re.DOTALL
)
WEEK = ("tests.support.week", "--days", "1", "--environments", "5")
PATH = 'PATH="$PWD/.venv/bin:$PATH"\n'
STARTS = (
    ".venv/bin/python -m tests.support.week --data-dir .week",
    "BERTH_CHECKPOINT_FILE=checkpoints .venv/bin/berth up --data-dir .week",
)
SEALED_SECONDS_MAX = 60
QUESTIONS_SECONDS_MAX = 400
CUT = "..."
NOT_YET = "0 newer events are not sealed yet."
ALL_SEALED = """
until berth verify --data-dir .week --key "$KEY" >sealed; ! grep -q "not sealed" sealed
do sleep 1; done
"""
END = "-- that was the answer --"
# Of the words of an answer, those that are others in another week.
OTHERS = (
    (r"(release|nightly|hotfix)-(pipeline|tests)", "<pipeline>"),
    (r"acme/app-\d|acme%2Fapp-\d", "<repository>"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>"),
    (r"\b[0-9a-f]{8,64}\b", "<hash>"),
    (r"\b(dev|test|uat|staging|production)\b", "<environment>"),
    (r"\b(core|billing|portal)\b", "<domain>"),
    (r"developer-\d", "<developer>"),
    (r"[\d.:,-]*\d", "0"),
    (r"\s+", " "),
)


class Block(NamedTuple):
    """A command of a page, and the answer that is shown below it, if any is."""

    asked: str
    shown: str


class Week(NamedTuple):
    """A `berth up` that runs on it."""

    folder: Path
    port: int


def blocks_of(page: str) -> Sequence[Block]:
    text = (ROOT / "docs" / page).read_text()
    return [Block(*found) for found in BLOCK.findall(text)]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    """Once it has been sealed."""
    for program in "curl", "jq":
        if not shutil.which(program):
            pytest.skip(f"the questions take {program}")
    home = tmp_path_factory.mktemp("week")
    (home / ".venv").symlink_to(sys.prefix)
    port, folder = free_port(), of("data-dir", home / ".week")
    fill = [sys.executable, "-m", *WEEK, *folder]
    filled = subprocess.run(fill, cwd=ROOT, check=True, capture_output=True, text=True)
    events, kept = int(filled.stdout.split()[0]), home / "checkpoints"
    up = ("api", "up", *folder, *of("port", port))
    with started(home, "Berth is ready", *up, BERTH_CHECKPOINT_FILE=str(kept)):
        until(lambda: kept.exists() and newest_in(kept) >= events, SEALED_SECONDS_MAX)
        yield Week(home, port)


@pytest.mark.timeout(600)
def test_the_story_is_told_as_its_page_shows(week: Week) -> None:
    check(week, [Block(PATH, ""), *blocks_of(REPLAY)])


@pytest.mark.timeout(600)  # A machine that is very busy starts a dozen commands.
def test_every_question_of_the_page_is_answered_as_it_shows(week: Week) -> None:
    (starts, _), *blocks = blocks_of(AUDIT)
    assert [line.split("  ")[0] for line in starts.splitlines()] == list(STARTS)
    assert PATH in blocks[0].asked
    check(week, blocks)


def check(week: Week, blocks: Sequence[Block]) -> None:
    """Each block, one after the other in one shell, is answered as it shows."""
    script = "".join(f"{before(asked)}{asked}echo '{END}'\n" for asked, _ in blocks)
    told = answers(week.folder, smaller(script, week.port))
    assert len(told) == len(blocks)
    for (asked, shown), answer in zip(blocks, told, strict=True):
        check_form(asked, shown, answer)


def newest_in(kept: Path) -> int:
    """How many events the newest checkpoint in the file is of."""
    notes = [*notes_in(kept.read_text())]
    return checkpoint_of(note_of(notes[-1]).text).size if notes else 0


def before(asked: str) -> str:
    """The newest ten events are missed only if they had been sealed."""
    return ALL_SEALED if "createdb" in asked else ""


def smaller(script: str, port: int) -> str:
    """The week of this test has the first repository alone."""
    script = script.replace(":8080", f":{port}")
    return script.replace("acme%2Fapp-4", "acme%2Fapp-1").replace("app-4", "app-1")


def answers(folder: Path, script: str) -> list[str]:
    """What each block printed; any command that fails ends it."""
    shell = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        cwd=folder,
        input=script,
        capture_output=True,
        text=True,
        timeout=QUESTIONS_SECONDS_MAX,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr + shell.stdout[-2_000:]
    *told, rest = shell.stdout.split(f"{END}\n")
    assert rest == ""
    return told


def check_form(asked: str, shown: str, answer: str) -> None:
    """All that is shown comes, but for what is another's; nothing else, unless cut."""
    expected = {form(line) for line in shown.splitlines() if line not in {"", CUT}}
    found = {form(line) for line in answer.splitlines() if line}
    if NOT_YET not in expected:  # What the questions themselves have put on record.
        found.discard(NOT_YET)
    assert expected <= found, asked
    if CUT not in shown.splitlines():
        assert found <= expected, asked


def form(line: str) -> str:
    """The keys of an object; of a sentence, what is the same in every week."""
    if line.startswith("{"):
        return json.dumps(keys_of(json.loads(line)))
    for pattern, name in OTHERS:
        line = re.sub(pattern, name, line)
    return line.strip()


def keys_of(value: Any) -> Any:
    return {k: keys_of(v) for k, v in value.items()} if isinstance(value, dict) else 0
