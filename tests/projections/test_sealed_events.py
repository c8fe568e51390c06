"""Sealed events as people are told them: those of a time, under the names of then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.environment.events import (
    Category,
    EnvironmentRegistered,
    EnvironmentRetired,
    EnvironmentRevised,
)
from domain.errors import EnvironmentNotFound, Invalid, NotFound
from projections.sealed_events import ALTERED, Sealed, SealedEvents
from projections.storage.log import selection
from projections.storage.log.selection import Question
from tests.projections.bundle_stage import E1, E2, positions, sealed, verified
from tests.projections.log_stage import Stage, sealing_stage
from tests.workers.events.stage import granted

SHOP = "acme/shop"
SECOND = timedelta(seconds=1)
AT = (
    "SELECT convert_from(state, 'UTF8')::json #>> '{origin,at}' AS at FROM berth_events"
)


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    """E1 is registered as uat, renamed, and deleted; E2 comes in between."""
    with sealing_stage(own_journal_url) as stage:
        events = [
            (E1, EnvironmentRegistered(SHOP, "uat", Category.TEST)),
            (E1, granted(1)),
            (E2, EnvironmentRegistered("acme/other", "dev", Category.DEV)),
            (E1, EnvironmentRevised(name="staging")),
            (E1, granted(2)),
            (E1, EnvironmentRetired()),
            (E2, granted(1)),
        ]
        sealed(stage, events)
        yield stage


def told(stage: Stage, **question: Any) -> list[Sealed]:
    async def read() -> list[Sealed]:
        events = SealedEvents(stage.database)
        asked = await events.asked(Question(**question))
        return [one async for piece in events.pieces(asked) for one in piece]

    return asyncio.run(read())


def names(found: list[Sealed]) -> list[tuple[int, str | None]]:
    return [(one.position, one.name) for one in found]


def at(stage: Stage, position: int) -> datetime:
    with stage.database.cursor() as cursor:
        row = cursor.execute(f"{AT} WHERE notification_id = %s", [position]).fetchone()
    assert row
    return datetime.fromisoformat(row["at"])


def test_each_has_the_name_that_its_environment_had_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(stage)
    expected = ["uat", "uat", "dev", "staging", "staging", "staging", "dev"]
    assert names(whole) == [*enumerate(expected, 1)]
    assert {one.repository for one in whole} == {SHOP, "acme/other"}
    assert [one.position for one in told(stage, environment=E1)] == [1, 2, 4, 5, 6]
    assert names(told(stage, first=5, last=5)) == [(5, "staging")]
    monkeypatch.setattr(selection, "FOUND_MAX", 2)
    assert told(stage) == whole


def test_a_time_is_what_happened_in_it(stage: Stage) -> None:
    second, fifth = at(stage, 2), at(stage, 5)
    tick = timedelta(microseconds=1)
    for first, last, found in (
        (second, fifth, [2, 3, 4, 5]),
        (second + tick, fifth - tick, [3, 4]),
        (fifth, None, [5, 6, 7]),
        (fifth, 6, [5, 6]),
        (3, fifth, [3, 4, 5]),
        (1, at(stage, 7) + SECOND, [*range(1, 8)]),
        (second + tick, second + 2 * tick, []),
    ):
        question = {"first": first, "last": last}
        assert [one.position for one in told(stage, **question)] == found
        bundle = stage.bundle(**question)
        assert positions(bundle) == found
        assert verified(stage, bundle).events == len(found)


def test_a_time_that_makes_no_sense_is_named(stage: Stage) -> None:
    first, later = at(stage, 1), at(stage, 5)
    for question, field in (
        ({"first": later, "last": first}, "from"),
        ({"first": datetime.fromisoformat("2200-01-01T00:00:00Z")}, "from"),
        ({"last": first - SECOND}, "to"),
        ({"first": 4, "last": at(stage, 2)}, "from"),
        ({"last": 8}, "to"),
    ):
        with pytest.raises(Invalid) as error:
            told(stage, **question)
        assert error.value.field == field
    with pytest.raises(EnvironmentNotFound):
        told(stage, environment=E2, last=2)
    stage.do("TRUNCATE log_checkpoint")
    with pytest.raises(NotFound, match="nothing has been sealed yet"):
        told(stage)


def test_what_was_altered_is_a_row_that_says_so(stage: Stage) -> None:
    assert told(stage)
    stage.do("UPDATE berth_events SET state = '{' WHERE notification_id IN (1, 5)")
    found = told(stage)
    assert len(found) == 7
    assert [one.why for one in found if one.record is None] == [ALTERED] * 2
    assert [one.position for one in found if one.record is None][1] == 5
    assert found[3].name == "staging"
