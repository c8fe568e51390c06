"""What was on record once is told the same by every later version, to the last row."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from domain.catalog import AnyEvent, tag
from domain.environment.events import LockRequested
from tests.golden.history import (
    BEGIN,
    LOAD,
    STATES,
    VIEW_ROWS,
    Json,
    differences,
    folders,
    lines_of,
    load,
    states,
    view_rows,
)
from tests.projections.journal_contract import check_the_order_of
from tests.support.history.traffic import history
from tests.support.journal_rows import rows_of

each_history = pytest.mark.parametrize(
    "folder", folders(), ids=lambda folder: f"history {folder.name}"
)


def kept(path: Path) -> Json:
    return json.loads(path.read_text())


@each_history
def test_every_stream_comes_to_the_same_state(folder: Path) -> None:
    now = states([line.record for line in lines_of(folder)])
    before = kept(folder / STATES)
    assert now.keys() == before.keys()
    assert [*differences(before, now)] == []


@each_history
def test_every_view_has_the_same_rows(folder: Path, own_journal_url: str) -> None:
    load(own_journal_url, lines_of(folder))
    assert [*differences(kept(folder / VIEW_ROWS), view_rows(own_journal_url))] == []


def test_every_event_is_in_a_history() -> None:
    told = {line.topic for folder in folders() for line in lines_of(folder)}
    known = {tag(event) for event in get_args(AnyEvent)}
    assert known - told == set(), "tests/support/history has it happen; see history.py"


def test_histories_have_long_queues() -> None:
    longest = 0
    for folder in folders():
        waiting = Counter[str]()
        for line in lines_of(folder):
            if line.topic == tag(LockRequested):
                waiting[line.stream] += 1
            elif line.topic in {"lock.released", "lock.withdrawn", "lock.expired"}:
                waiting[line.stream] -= 1
            longest = max(longest, waiting[line.stream])
    assert longest > 15


@each_history
def test_its_journal_is_one_that_could_be(folder: Path) -> None:
    check_the_order_of([line.record for line in lines_of(folder)])


def test_the_same_seed_makes_the_same_history() -> None:
    until = BEGIN + timedelta(minutes=70)
    first, second = (history(7, BEGIN, until, LOAD).records for _ in range(2))
    assert [*rows_of(first)] == [*rows_of(second)]
    assert [*rows_of(first)] != [*rows_of(history(8, BEGIN, until, LOAD).records)]


def test_a_made_up_history_is_one_that_could_be() -> None:
    until = BEGIN + timedelta(hours=2)
    check_the_order_of(history(9, BEGIN, until, LOAD).records)


def test_what_is_no_more_as_it_was_is_found() -> None:
    before = {"a": [{"b": 1, "c": 2}, {"b": 3}], "d": [["k", 1]]}
    assert [
        *differences(
            before, {"a": [{"b": 1, "c": 2, "new": 0}, {"b": 3}], "d": [["k", 1]]}
        )
    ] == []
    for now, found in (
        ({"a": [{"b": 1}, {"b": 3}], "d": [["k", 1]]}, ".a[0].c is gone"),
        ({"a": [{"b": 1, "c": 2}], "d": [["k", 1]]}, ".a has 1 in place of 2"),
        (
            {"a": [{"b": 1, "c": 2}, {"b": 4}], "d": [["k", 1]]},
            ".a[1].b is 4, and was 3",
        ),
        ({"a": before["a"], "d": [["k", 1], ["l", 1]]}, ".d has 2 in place of 1"),
    ):
        assert [*differences(before, now)] == [found]


def test_an_event_that_were_read_otherwise_would_be_found() -> None:
    [folder, *_] = folders()
    records = [line.record for line in lines_of(folder)]
    number, record = next(
        (n, r) for n, r in enumerate(records) if isinstance(r.event, LockRequested)
    )
    assert isinstance(record.event, LockRequested)
    records[number] = replace(record, event=replace(record.event, lease_seconds=1))
    assert [*differences(kept(folder / STATES), states(records))] != []
