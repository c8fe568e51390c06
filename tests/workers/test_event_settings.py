"""The settings about events in NATS: everything is kept unless one says otherwise."""

from __future__ import annotations

import pytest

from tests.workers.test_salesforce_settings import settings
from workers.events.limits import StreamLimits
from workers.settings import SettingsError


def test_without_any_everything_is_kept_once() -> None:
    assert settings().events == StreamLimits(max_age_days=0, max_mib=0, replicas=1)


def test_each_can_be_set() -> None:
    bounded = settings(
        BERTH_EVENTS_MAX_AGE_DAYS="400",
        BERTH_EVENTS_MAX_MIB="10240",
        BERTH_EVENTS_REPLICAS="3",
    )
    assert bounded.events == StreamLimits(400, 10_240, 3)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("BERTH_EVENTS_MAX_AGE_DAYS", ("-1", "36501", "7d", "", "1.5")),
        ("BERTH_EVENTS_MAX_MIB", ("-1", "1GiB", "", "9" * 5_000)),
        ("BERTH_EVENTS_REPLICAS", ("0", "6", "", "three")),
    ],
)
def test_what_makes_no_sense_is_named(name: str, values: tuple[str, ...]) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=name):
            settings(**{name: value})
