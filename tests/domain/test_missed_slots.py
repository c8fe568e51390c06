"""What nobody fired in its time is missed, or fired late, as the schedule says."""

from __future__ import annotations

from typing import Any

import pytest
from cronsim import CronSim

from domain.task.errors import SlotTaken
from domain.task.firing import next_steps
from domain.task.recurrence import CatchUp, Recurrence
from domain.task.schedule import missed_by
from domain.task.schedule_events import (
    EndReason,
    ScheduleEnded,
    ScheduleMissed,
    ScheduleStarted,
)
from tests.domain.test_schedule import ID, begun, fire, fired, miss, nothing
from tests.support.builders import NOON, at
from tests.support.spec import Spec
from tests.support.task_words import SUBMITTER, order


def missed(past: Spec, seconds: float) -> ScheduleMissed | None:
    return missed_by(past.state, at(seconds))


def test_what_is_late_within_its_grace_is_not_missed() -> None:
    assert missed(begun(catch_up=CatchUp.NONE), 90) is None


def test_what_nobody_fired_is_missed() -> None:
    late = begun(catch_up=CatchUp.NONE)
    told = ScheduleMissed(at(60), at(240), 4, at(300))
    assert missed(late, 300) == told
    late.when(miss(told), at(300)).then(told)
    late.given(told).when(miss(told), at(300)).refused(SlotTaken)


def test_of_what_nobody_fired_the_latest_is_still_fired() -> None:
    told = ScheduleMissed(at(60), at(180), 3, at(240))
    assert missed(begun(), 300) == told
    after = begun().given(told)
    assert missed(after, 300) is None
    after.when(fire(240), at(300)).then(fired(240, 1, 300, 300))


def test_all_that_nobody_fired_may_still_be_fired() -> None:
    late = begun(catch_up=CatchUp.ALL)
    assert missed(late, 9_000) is None
    late.when(fire(60), at(9_000)).then(fired(60, 1, 120, 9_000))


def test_a_long_outage_is_told_in_parts() -> None:
    first = ScheduleMissed(at(60), at(60_000), 1_000, at(60_060))
    assert missed(begun(), 100_000) == first
    rest = ScheduleMissed(at(60_060), at(99_840), 664, at(99_900))
    assert missed(begun().given(first), 100_000 - 61) == rest


def test_it_may_end_with_what_was_missed() -> None:
    ending = begun(catch_up=CatchUp.NONE, end_at=at(120))
    told = ScheduleMissed(at(60), at(120), 2, None)
    assert missed(ending, 300) == told
    end = ScheduleEnded(EndReason.END_DATE)
    ending.when(miss(told), at(300)).then(told, end)


def test_what_was_missed_is_worked_out_before_others_have_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever decides has locked the journal."""
    often = Recurrence(pattern="* * * * * *", start_at=NOON)
    late = nothing.given(ScheduleStarted(order(), often, SUBMITTER, NOON, at(1)))
    told = missed(late, 900)
    [step] = next_steps(ID, late.state, at(900))

    def fail(*_: Any) -> None:
        pytest.fail("a slot was looked for")

    monkeypatch.setattr(CronSim, "__init__", fail)
    monkeypatch.setattr(CronSim, "__next__", fail)
    assert step.decider.decide(step.command, late.state, at(900)) == [told]
    assert told is not None
    assert told.count == 868
