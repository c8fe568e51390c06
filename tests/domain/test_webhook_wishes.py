"""What a webhook wants to be told of, and when it is tried again."""

from __future__ import annotations

import pytest

from domain.environment.events import Category
from domain.errors import Invalid
from domain.webhook.events import Filter
from domain.webhook.schedule import DELAYS_SECONDS, JITTER, retry_seconds
from domain.webhook.wishes import TAGS, About, pattern_of, tags_of, wanted_tags, wants
from tests.domain.test_webhook import created

UAT = About("acme/shop", "e1", Category.TEST)
NOTHING = About()


def test_a_pattern_is_a_type_or_all_of_a_kind_or_everything() -> None:
    assert tags_of("lock.acquired") == {"lock.acquired"}
    assert tags_of("*") == TAGS
    assert tags_of("lock.*") == {t for t in TAGS if t.startswith("lock.")}
    assert "task_key.slot_taken" not in tags_of("task.*")


@pytest.mark.parametrize("text", ["*", "lock.*", "lock.acquired", "webhook.*"])
def test_a_pattern_that_matches_something_will_do(text: str) -> None:
    assert pattern_of(text, "event") == text


@pytest.mark.parametrize(
    "text",
    ["", "lock", "lock.", "lock.a*", "*.acquired", "Lock.*", "nothing.*", "**", "l.*"],
)
def test_a_pattern_that_matches_nothing_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        pattern_of(text, "event")
    assert refusal.value.field == "event"


def test_of_the_types_of_a_filter_one_must_match_besides() -> None:
    facts = created(pattern="lock.*", filter=Filter(types=("lock.acquired", "task.*")))
    assert wanted_tags(facts) == {"lock.acquired"}
    assert wanted_tags(created(pattern="lock.acquired")) == {"lock.acquired"}


@pytest.mark.parametrize(
    ("wanted", "about", "expected"),
    [
        (Filter(), NOTHING, True),
        (Filter("acme/shop"), UAT, True),
        (Filter("ACME/Shop"), UAT, True),
        (Filter("acme/other"), UAT, False),
        (Filter("acme/shop"), About("ACME/Shop"), True),
        (Filter("acme/shop"), NOTHING, False),
        (Filter(environment_id="e1"), UAT, True),
        (Filter(environment_id="e2"), UAT, False),
        (Filter(category=Category.TEST), UAT, True),
        (Filter(category=Category.DEV), UAT, False),
        (Filter(category=Category.DEV), NOTHING, False),
        (Filter("acme/shop", "e1", Category.DEV), UAT, False),
    ],
)
def test_all_that_a_filter_names_must_match(
    wanted: Filter, about: About, *, expected: bool
) -> None:
    assert wants(wanted, about) is expected


def test_it_is_tried_ten_times_in_three_days_and_then_given_up() -> None:
    delays = [retry_seconds(created(), attempt, 0.5) for attempt in range(1, 11)]
    assert delays == [*map(float, DELAYS_SECONDS[1:]), None]


def test_those_who_failed_together_come_back_apart() -> None:
    early, late = (retry_seconds(created(), 2, chance) for chance in (0.0, 1.0))
    assert early == pytest.approx(300 * (1 - JITTER))
    assert late == pytest.approx(300 * (1 + JITTER))


def test_whoever_wants_it_otherwise_says_how_often_and_how_soon() -> None:
    facts = created(retry_count=12, retry_delay_ms=500)
    assert [retry_seconds(facts, n, 0.5) for n in (1, 12, 13)] == [0.5, 0.5, None]
    assert retry_seconds(created(retry_count=12), 12, 0.5) == DELAYS_SECONDS[-1]
    assert retry_seconds(created(retry_count=0), 1, 0.5) is None
