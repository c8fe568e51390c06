"""Slots come from the recurrence alone: in order, in their zone, none in a gap."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import Invalid
from domain.task.recurrence import Recurrence, check, next_slot, six_fields
from tests.support.builders import NOON, at

MICROSECOND = timedelta(microseconds=1)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
PATTERNS = [
    "30 2 * * *", "0,30 1-3 * * *", "*/20 * * * *", "15 */2 * * *", "0 9 * * MON-FRI",
    "0 0 1 * *", "0 12 L * *", "59 30 1,2 * * *", "*/7 * * * * *", "10 2 * * SUN#1",
]  # fmt: skip
recurrences = st.one_of(
    st.builds(
        Recurrence,
        pattern=st.sampled_from(PATTERNS),
        tz=st.sampled_from(ZONES),
        start_at=st.none() | st.just(at(-90_000.25)),
    ),
    st.builds(
        Recurrence,
        every_ms=st.integers(1_000, 10**9),
        start_at=st.sampled_from([NOON, at(-5), at(86_400)]),
    ),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "Z")


# When clocks change in Berlin, New York and on Lord Howe, and the hours around that.
CHANGES = [
    utc("2026-03-29T01:00:00"), utc("2026-10-25T01:00:00"),
    utc("2026-03-08T07:00:00"), utc("2026-11-01T06:00:00"),
    utc("2026-10-03T15:30:00"), utc("2026-04-04T15:00:00"),
]  # fmt: skip
around_changes = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-7_200, 7_200),
)
instants = st.integers(-90 * 86_400, 480 * 86_400).map(at) | around_changes


def slots(pattern: str, zone: str, after: str, count: int) -> list[str]:
    """As clocks on UTC show them."""
    found, slot = [], utc(after)
    for _ in range(count):
        following = next_slot(Recurrence(pattern=pattern, tz=zone), slot)
        assert following is not None
        slot = following
        found.append(slot.strftime("%m-%d %H:%M:%S").removesuffix(":00"))
    return found


def test_every_so_often_is_counted_from_the_start() -> None:
    every = Recurrence(every_ms=90_000, start_at=NOON)
    assert next_slot(every, at(-1)) == NOON
    assert next_slot(every, at(-9_000)) == NOON
    assert next_slot(every, NOON) == at(90)
    assert next_slot(every, at(89.999)) == at(90)
    assert next_slot(every, at(90 * 1_000_000 + 7)) == at(90 * 1_000_001)


def test_the_end_date_may_be_a_slot() -> None:
    every = Recurrence(every_ms=60_000, start_at=NOON, end_at=at(120))
    assert next_slot(every, at(60)) == at(120)
    assert next_slot(every, at(120)) is None


def test_the_start_date_may_be_a_slot() -> None:
    hourly = Recurrence(pattern="0 * * * *", start_at=at(7_200))
    assert next_slot(hourly, NOON) == at(7_200)
    assert next_slot(replace(hourly, start_at=at(7_201)), NOON) == at(10_800)


def test_a_pattern_is_read_in_its_zone() -> None:
    assert slots("0 9 * * *", "America/New_York", "2026-01-01T12:00:00", 1) == [
        "01-01 14:00"
    ]


def test_a_pattern_may_have_seconds() -> None:
    assert slots("*/20 * * * * *", "UTC", "2026-01-01T12:00:01", 3) == [
        "01-01 12:00:20",
        "01-01 12:00:40",
        "01-01 12:01",
    ]


@pytest.mark.parametrize(
    ("pattern", "zone", "after", "expected"),
    [
        # 02:30 does not come on 29 March 2026: 03:00 summer time is 01:00 UTC.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00",
         ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("0 30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00",
         ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("15,45 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00",
         ["03-29 01:00", "03-30 00:15"]),
        ("30 2 * * *", "America/New_York", "2026-03-08T00:00:00",
         ["03-08 07:00", "03-09 06:30"]),
        # Half an hour: 02:00 becomes 02:30, which is 15:30 UTC the day before.
        ("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00",
         ["10-03 15:30", "10-04 15:10"]),
    ],
)  # fmt: skip
def test_what_falls_into_the_gap_comes_at_the_next_valid_instant(
    pattern: str, zone: str, after: str, expected: list[str]
) -> None:
    assert slots(pattern, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("pattern", "zone", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00",
         ["10-25 00:30", "10-26 01:30"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00",
         ["10-25 00:00", "10-25 00:30", "10-26 01:00"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00:00",
         ["11-01 05:30", "11-02 06:30"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00",
         ["04-04 14:45", "04-05 15:15"]),
    ],
)  # fmt: skip
def test_what_clocks_show_twice_comes_once(
    pattern: str, zone: str, after: str, expected: list[str]
) -> None:
    assert slots(pattern, zone, after, len(expected)) == expected


def test_what_clocks_show_for_the_second_time_has_been() -> None:
    """Asked for while they do, between 01:00 and 02:00 UTC."""
    after = "2026-10-25T01:10:00"
    assert slots("30 2 * * *", "Europe/Berlin", after, 1) == ["10-26 01:30"]
    assert slots("30 2,3 * * *", "Europe/Berlin", after, 1) == ["10-25 02:30"]


def test_what_is_for_every_hour_comes_an_hour_after_the_other() -> None:
    assert slots("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00", 3) == [
        "10-25 00:00",
        "10-25 01:00",
        "10-25 02:00",
    ]
    assert slots("0 0-23 * * *", "Europe/Berlin", "2026-03-29T00:30:00", 2) == [
        "03-29 01:00",
        "03-29 02:00",
    ]


@for_all(recurrences, instants)
def test_slots_strictly_increase_and_none_is_left_out(
    recurrence: Recurrence, after: datetime
) -> None:
    found = [after]
    for _ in range(5):
        slot = next_slot(recurrence, found[-1])
        assert slot is not None
        found.append(slot)
    for before, slot in pairwise(found):
        assert before < slot
        assert next_slot(recurrence, slot - MICROSECOND) == slot
        assert next_slot(recurrence, before + (slot - before) / 2) == slot


@for_all(recurrences, instants)
def test_clocks_in_the_zone_show_every_slot(
    recurrence: Recurrence, after: datetime
) -> None:
    slot = next_slot(recurrence, after)
    assert slot is not None
    assert slot.tzinfo is UTC
    shown = slot.astimezone(ZoneInfo(recurrence.tz))
    assert shown.astimezone(UTC) == slot
    if recurrence.every_ms is None:
        assert slot.microsecond == 0
        assert slot >= (recurrence.start_at or slot)


@pytest.mark.parametrize(
    ("recurrence", "field"),
    [
        (Recurrence(), ""),
        (Recurrence(pattern="* * * * *", every_ms=1_000), ""),
        (Recurrence(every_ms=1), ".every"),
        (Recurrence(every_ms=999), ".every"),
        (Recurrence(every_ms=10**15), ".every"),
        (Recurrence(pattern=""), ".pattern"),
        (Recurrence(pattern="every day"), ".pattern"),
        (Recurrence(pattern="* * * *"), ".pattern"),
        (Recurrence(pattern="60 * * * *"), ".pattern"),
        (Recurrence(pattern="*/0 * * * *"), ".pattern"),
        (Recurrence(pattern="* * * * * * *"), ".pattern"),
        (Recurrence(pattern="0 0 30 2 *"), ".pattern"),
        (Recurrence(pattern="0 " * 300), ".pattern"),
        (Recurrence(every_ms=1_000, tz="Europe/Nowhere"), ".tz"),
        (Recurrence(every_ms=1_000, tz=""), ".tz"),
        (Recurrence(every_ms=1_000, tz="Europe"), ".tz"),
        # What some machines have beside the zones, and others have not.
        (Recurrence(every_ms=1_000, tz="localtime"), ".tz"),
        (Recurrence(every_ms=1_000, tz="right/Europe/Berlin"), ".tz"),
        (Recurrence(every_ms=1_000, tz="/etc/passwd"), ".tz"),
        (Recurrence(every_ms=1_000, tz="../etc/passwd"), ".tz"),
        (Recurrence(every_ms=1_000, tz="\ud800"), ".tz"),
        (Recurrence(every_ms=1_000, tz="x" * 300), ".tz"),
        (Recurrence(every_ms=1_000, start_at=utc("1969-12-31T23:59:59")), ".startDate"),
        (Recurrence(every_ms=1_000, end_at=utc("9999-12-31T23:59:59")), ".endDate"),
        (Recurrence(every_ms=1_000, start_at=at(1), end_at=at(0)), ".endDate"),
        (Recurrence(every_ms=1_000, limit=0), ".limit"),
        (Recurrence(every_ms=1_000, limit=10**9), ".limit"),
    ],
)
def test_what_is_no_recurrence_is_refused_by_name(
    recurrence: Recurrence, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        check(recurrence)
    assert refusal.value.field == f"recurrenceConfig{field}"


@for_all(st.text() | st.text("0123456789*/,-#LW ", max_size=20))
def test_any_text_is_a_pattern_or_is_refused(text: str) -> None:
    with suppress(Invalid):
        check(Recurrence(pattern=text))
        assert len(six_fields(text).split()) == 6
        assert next_slot(Recurrence(pattern=text), NOON)
