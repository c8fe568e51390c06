"""The settings that are numbers, and those about tasks: strict about what is said."""

from __future__ import annotations

import pytest

from tests.workers.test_salesforce_settings import settings
from workers.settings import SettingsError


def test_without_any_tasks_run_and_are_kept_for_a_while() -> None:
    plain = settings()
    assert plain.task_types == []
    assert (plain.task_slots, plain.task_grace_seconds) == (16, 20)
    assert (plain.task_result_days, plain.task_failure_days) == (7, 30)


def test_each_can_be_set() -> None:
    busy = settings(
        BERTH_TASK_TYPES=" renderReport,,send-mail ,",
        BERTH_TASK_SLOTS="1000",
        BERTH_TASK_GRACE_SECONDS="0",
        BERTH_TASK_RESULT_DAYS="1",
        BERTH_TASK_FAILURE_DAYS="365",
    )
    assert busy.task_types == ["renderReport", "send-mail"]
    assert (busy.task_slots, busy.task_grace_seconds) == (1_000, 0)
    assert (busy.task_result_days, busy.task_failure_days) == (1, 365)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("BERTH_TASK_TYPES", ("local", "1a", "a.b", "a b", "ä", "*", "a" * 65)),
        ("BERTH_TASK_SLOTS", ("0", "1001", "-1", "1.5", "four", "", "٤")),
        ("BERTH_TASK_GRACE_SECONDS", ("3601", "-1", "0.5", "", "1e3")),
        ("BERTH_PORT", ("0", "65536", "http", "", "٤", "9" * 5_000)),
        ("BERTH_TASK_RESULT_DAYS", ("0", "366", "7d", "")),
        ("BERTH_TASK_FAILURE_DAYS", ("0", "366", "for ever", "9" * 5_000)),
    ],
)
def test_what_makes_no_sense_is_named(name: str, values: tuple[str, ...]) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=name):
            settings(**{name: value})
