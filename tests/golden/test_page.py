"""docs/events.md shows every event as it is."""

from __future__ import annotations

import json
import re

import msgspec

from domain.catalog import tag
from domain.outward.cloud_event import WITHHELD, type_of
from tests.golden.examples import EXAMPLES
from tests.golden.page import MARK, PAGE, as_stored, written

BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)


def test_the_page_is_as_it_would_be_written_today() -> None:
    page = PAGE.read_text()
    assert page == written(page), "run `python -m tests.golden.page`"


def test_a_page_that_is_stale_is_found() -> None:
    page = PAGE.read_text()
    assert written(page.replace("lock.acquired", "lock.taken")) != page


def test_every_event_is_there_with_its_golden_example() -> None:
    _, _, examples = PAGE.read_text().partition(MARK)
    shown = {data["type"]: data for data in map(json.loads, BLOCK.findall(examples))}
    for event in EXAMPLES:
        assert f"### {type_of(type(event))}\n" in examples
        expected = json.loads(msgspec.json.encode(as_stored(event).event))
        expected.pop(WITHHELD.get(type(event)), None)
        assert shown[tag(type(event))] == expected
