"""A release is recorded once for each lock under which it was published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from domain.errors import Invalid, ReleaseExists, StaleFence
from domain.release import (
    PublishRelease,
    Release,
    ReleasePublished,
    decide,
    release,
    stream_of,
)
from tests.support.builders import at, by
from tests.support.spec import Spec

given = Spec(release).given
FACTS: dict[str, Any] = {
    "environment_id": "e1",
    "repository": "acme/shop",
    "target_org": "uat",
    "name": "v1",
    "domain": "core",
}
NOON_HERE = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))


def publish(**facts: Any) -> PublishRelease:
    return PublishRelease(by=by("a"), **({"release_id": "new"} | FACTS | facts))


def published(**facts: Any) -> ReleasePublished:
    known: dict[str, Any] = {
        "release_id": "new",
        "published_by": "by-a",
        "published_at": at(0),
    }
    return ReleasePublished(**(known | FACTS | facts))


FIRST = published(release_id="r1", ticket_id="a", fence=1, metadata={"commit": "7f3"})
BARE = published(release_id="r1")


def test_it_is_published_now_unless_the_caller_says_when() -> None:
    given().when(publish(), at(7)).then(published(published_at=at(7)))
    given().when(publish(published_at=at(-7)), at(0)).then(
        published(published_at=at(-7))
    )


def test_what_is_said_of_it_goes_on_record() -> None:
    said = {"commit": "7f3"}
    given().when(publish(metadata=said), at(0)).then(published(metadata=said))


def test_the_instant_is_the_same_wherever_it_is_told() -> None:
    [event] = decide(publish(published_at=NOON_HERE), Release(), at(7))
    assert event == published()
    assert event.published_at.tzinfo is UTC


def test_it_carries_the_fence() -> None:
    given().when(publish(ticket_id="a", fence=1), at(0)).then(
        published(ticket_id="a", fence=1)
    )


@pytest.mark.parametrize(
    "repeat",
    [
        {"ticket_id": "a", "fence": 1},
        {},
        {"metadata": {"commit": "7f3"}, "published_at": NOON_HERE},
        {"ticket_id": "a", "fence": 1, "is_again": True},
        {"name": "V1", "domain": "Core"},
    ],
)
def test_a_repeat_is_not_recorded_again(repeat: dict[str, Any]) -> None:
    given(FIRST).when(publish(**repeat), at(99)).then()


def test_without_a_lock_a_repeat_is_one_as_well() -> None:
    given(BARE).when(publish(), at(99)).then()


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"published_at": at(1)}, "publishedAt"),
        ({"metadata": {}}, "metadata"),
        ({"metadata": {"commit": "8a1"}, "ticket_id": "a", "fence": 1}, "metadata"),
    ],
)
def test_a_repeat_may_not_contradict_what_is_on_record(
    other: dict[str, Any], field: str
) -> None:
    given(FIRST).when(publish(**other), at(99)).refused(ReleaseExists, field)


def test_that_it_is_true_contradicts_that_it_is_one() -> None:
    counted = published(release_id="r1", metadata={"hotfix": 1})
    flagged = publish(metadata={"hotfix": True})
    given(counted).when(flagged, at(99)).refused(ReleaseExists, "metadata")
    given(counted).when(publish(metadata={"hotfix": 1.0}), at(99)).then()


def test_under_a_later_lock_it_is_deployed_once_more() -> None:
    for first in FIRST, BARE:
        given(first).when(publish(ticket_id="b", fence=2), at(99)).then(
            published(published_at=at(99), ticket_id="b", fence=2)
        )


def test_when_the_lock_is_over_only_a_repeat_is_answered() -> None:
    late = publish(ticket_id="a", fence=1, is_again=True)
    given().when(late, at(99)).refused(StaleFence)
    given(BARE).when(late, at(99)).refused(StaleFence)
    again = published(ticket_id="b", fence=2)
    given(FIRST, again).when(late, at(99)).refused(StaleFence)


@pytest.mark.parametrize(
    "instant",
    [
        at(301),
        datetime(1969, 12, 31, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_an_instant_that_cannot_be_is_refused(instant: datetime) -> None:
    given().when(publish(published_at=instant), at(0)).refused(Invalid, "publishedAt")


def test_a_clock_may_be_a_little_ahead() -> None:
    given().when(publish(published_at=at(300)), at(0)).then(
        published(published_at=at(300))
    )


def test_its_stream_is_the_same_however_it_is_spelled() -> None:
    assert stream_of("e1", "Core", "V1") == stream_of("e1", "core", "v1")
    others = ("e2", "core", "v1"), ("e1", "cor", "ev1"), ("e1", "v1", "core")
    assert len({stream_of(*other) for other in (("e1", "core", "v1"), *others)}) == 4
