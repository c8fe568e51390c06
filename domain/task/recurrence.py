"""When a recurring task is due: its slots, of which a schedule fires one after another.

A slot depends on the recurrence alone, never on when the one before was run. Patterns
are read in the local time of their zone. One that names hours keeps to the clock on the
wall: what falls into the gap when clocks go forward is due at the next valid instant,
what comes twice when they go back, the first time. One for every hour keeps to real
time: an hour after an hour, whatever the clocks do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from domain.errors import Invalid

EVERY_MS_MIN = 1_000
EVERY_MS_MAX = 10 * 366 * 86_400_000
LIMIT_MAX = 1_000_000
PATTERN_LENGTH_MAX = 256
FIELDS_WITHOUT_SECONDS = 5
HOURS_A_DAY = 24
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
SMALLEST = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


class Overlap(StrEnum):
    """What becomes of a slot while the instance before it goes on."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class CatchUp(StrEnum):
    """Which of the slots are fired that nobody could fire in time."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class Recurrence(Struct, frozen=True):
    """Either a `pattern` (cron, of 5 fields, or 6 with seconds) or `every_ms`.

    Every so often is counted from `start_at`. `end_at` may itself be a slot; `limit`
    counts firings, the `immediately` one included.
    """

    pattern: str | None = None
    every_ms: int | None = None
    tz: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    limit: int | None = None
    immediately: bool = False
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST


def next_slot(recurrence: Recurrence, after: datetime) -> datetime | None:
    """The first slot later than `after`; None if there is none, or not for decades."""
    return next(slots(recurrence, after), None)


def slots(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """Those later than `after`, in order. There may be no end to them."""
    is_pattern = recurrence.every_ms is None
    of = slots_of_pattern if is_pattern else slots_of_interval
    for slot in of(recurrence, after):
        if recurrence.end_at and slot > recurrence.end_at:
            return
        yield slot


def slots_of_interval(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """Counted from the schedule's start, so that no run puts off the next."""
    assert recurrence.every_ms is not None
    assert recurrence.start_at is not None, "a schedule that began knows since when"
    start, every = recurrence.start_at, timedelta(milliseconds=recurrence.every_ms)
    slot = start if after < start else after - (after - start) % every + every
    while True:
        yield slot
        slot += every


def slots_of_pattern(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """In the schedule's zone."""
    assert recurrence.pattern is not None
    if recurrence.start_at is not None:
        after = max(after, recurrence.start_at - SMALLEST)
    zone = zone_of(recurrence.tz)
    for slot in slots_after(six_fields(recurrence.pattern), after, zone):
        if slot > after:
            after = slot
            yield slot


def slots_after(pattern: str, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """From `after` on; some come again where clocks are changed."""
    local = after.astimezone(zone)
    on_the_wall = CronSim(pattern, local.replace(tzinfo=None))
    if len(on_the_wall.hours) == HOURS_A_DAY:
        for slot in CronSim(pattern, local):
            yield slot.astimezone(UTC)
    else:
        for shown in on_the_wall:
            yield instant_of(shown, zone)


def instant_of(shown: datetime, zone: tzinfo) -> datetime:
    """When clocks in `zone` show it first; if they never do, when they have gone on."""
    while True:
        instant = shown.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == shown:
            return instant
        shown = shown.replace(second=0) + MINUTE


def six_fields(pattern: str) -> str:
    """With its seconds, which also rids the library of special cases of its own."""
    has_seconds = len(pattern.split()) != FIELDS_WITHOUT_SECONDS
    return pattern if has_seconds else f"0 {pattern}"


def zone_of(name: str) -> tzinfo:
    """`Invalid` if there is none of this name."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # Unknown, no path to a zone, or a folder.
        raise no_zone() from None


def check_zone(name: str) -> None:
    """`Invalid` unless it is the same zone on every machine.

    Beside those some have their own `localtime`, and `right/`, which counts otherwise.
    """
    if not name[:1].isupper():
        raise no_zone()
    zone_of(name)


def no_zone() -> Invalid:
    return invalid("tz", "is not the name of a time zone")


def check(recurrence: Recurrence) -> None:
    """`Invalid` names what is wrong with it."""
    pattern, every_ms = recurrence.pattern, recurrence.every_ms
    if (pattern is None) == (every_ms is None):
        raise Invalid(
            "recurrenceConfig takes either pattern or every", field="recurrenceConfig"
        )
    if every_ms is not None and not EVERY_MS_MIN <= every_ms <= EVERY_MS_MAX:
        raise invalid("every", f"must be {EVERY_MS_MIN} to {EVERY_MS_MAX} milliseconds")
    if pattern is not None:
        check_pattern(pattern)
    check_zone(recurrence.tz)
    for name, given in (
        ("startDate", recurrence.start_at),
        ("endDate", recurrence.end_at),
    ):
        if given is not None and not EARLIEST <= given <= LATEST:
            raise invalid(name, "must lie between 1970 and 2200")
    start_at, end_at = recurrence.start_at, recurrence.end_at
    if start_at and end_at and end_at < start_at:
        raise invalid("endDate", "must not be before startDate")
    if recurrence.limit is not None and not 1 <= recurrence.limit <= LIMIT_MAX:
        raise invalid("limit", f"must be 1 to {LIMIT_MAX}")


def check_pattern(pattern: str) -> None:
    """`Invalid` if it is no cron line, or never comes to pass."""
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise invalid("pattern", f"is longer than {PATTERN_LENGTH_MAX} characters")
    try:
        slots = CronSim(six_fields(pattern), EARLIEST.replace(tzinfo=None))
    except CronSimError as error:
        raise invalid("pattern", f"is not a cron line: {error}") from None
    if next(slots, None) is None:
        raise invalid("pattern", "never comes to pass")


def invalid(name: str, problem: str) -> Invalid:
    field = f"recurrenceConfig.{name}"
    return Invalid(f"{field} {problem}", field=field)
