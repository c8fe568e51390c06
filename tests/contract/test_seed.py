"""The example files are the reference document's: none left out, none made up.

The document is not ours to ship. Where it lies beside the clone, or where BERTH_SEEDS
says, the files are held against it; elsewhere these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contract.replay import NAMES, example

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BERTH_SEEDS", ROOT.parent / "shared" / "seeds"))
REQUEST = re.compile(
    r"^(?:GET|POST|PUT|PATCH|DELETE) /sfp/api/\S+ HTTP/1\.1$", re.MULTILINE
)
ROUTES = ("POST /sfp/api/environments HTTP/1.1", "POST /sfp/api/tasks HTTP/1.1")
NOTHING = "No content"
DECODER = json.JSONDecoder()


@dataclass
class Section:
    """One request of the document: the words before it, the JSON after it."""

    request: str
    words: str
    before: list[Any] = field(default_factory=list)
    after: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        return self.request


def sections(document: str) -> list[Section]:
    """The words before a request begin where the example before it ends."""
    found: list[Section] = []
    marks = list(REQUEST.finditer(document))
    start = 0
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        words = document[start : mark.start()]
        section = Section(mark[0], words, [value for _, value in values_in(words)])
        end = following.start() if following else len(document)
        start = mark.end()
        rest = document[start:end]
        wanted = ("Content-Length:" in rest) + (NOTHING not in rest)
        for stop, value in values_in(rest)[:wanted]:
            section.after.append(value)
            start = mark.end() + stop
        found.append(section)
    return found


def values_in(text: str) -> list[tuple[int, Any]]:
    """The JSON values that begin at the start of a line, each with its end."""
    found, at = [], 0
    while opening := re.compile(r'^[\[{"]', re.MULTILINE).search(text, at):
        value, at = DECODER.raw_decode(text, opening.start())
        found.append((at, value))
    return found


@pytest.fixture(scope="module")
def document() -> list[Section]:
    texts = [path.read_text() for path in FOLDER.glob("*.txt")]
    found = [text for text in texts if any(route in text for route in ROUTES)]
    if not found:
        pytest.skip(f"the reference document is not in {FOLDER}")
    return [section for text in found for section in sections(text)]


def test_every_request_has_one_file(document: list[Section]) -> None:
    requests = [section.request for section in document]
    assert len(requests) == 29
    assert sorted(example(name).request for name in NAMES) == sorted(requests)


def test_every_json_example_is_in_the_file_of_its_request(
    document: list[Section],
) -> None:
    files = {example(name).request: example(name) for name in NAMES}
    for section in document:
        its = files[section.request]
        ours = [value for value in (its.body, its.answer) if value is not None]
        assert section.after == ours, section
        assert all(value == its.answer for value in section.before), section


def test_every_documented_answer_is_in_the_document_s_own_words(
    document: list[Section],
) -> None:
    words = {section.request: section.words for section in document}
    for name in NAMES:
        its = example(name)
        assert all(said in words[its.request] for said in its.documented.values()), name
