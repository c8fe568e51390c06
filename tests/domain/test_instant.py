"""An instant has a zone, and is told as answers tell it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.instant import instant_of, told


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.000Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T06:30:00-05:30",
    ],
)
def test_every_zone_is_understood(text: str) -> None:
    assert instant_of(text, "at") == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-01-31T12:00:00", "has no zone"),
        ("2026-01-31T12:00:00 01:00", "%2B"),
        ("yesterday", "is not an instant"),
        ("", "is not an instant"),
        ("9999-12-31T23:59:59-01:00", "beyond"),
    ],
)
def test_what_is_none_is_refused_by_its_name(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=f"^at .*{why}") as refusal:
        instant_of(text, "at")
    assert refusal.value.field == "at"


@for_all(st.datetimes(timezones=st.just(UTC)))
def test_what_is_told_can_be_asked_for(instant: datetime) -> None:
    assert instant_of(told(instant), "at") == instant
