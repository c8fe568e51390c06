"""Deliveries: shared by who sends, fair to each receiver, and cheap when many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, LiteralString

import psycopg
import pytest

from projections.storage.database import Database
from projections.storage.deliveries import (
    AT_ONCE_MAX,
    Attempt,
    Claimed,
    Deliveries,
    New,
    Outcome,
)

ADD: LiteralString = """
INSERT INTO webhook VALUES (
    %s, 'active', '{"timeout_ms": 1000}', NULL, NULL, 'o', now(), now(), now()
)
"""
LATE: LiteralString = "UPDATE webhook_delivery SET due_at = now() WHERE claim = %s"
RESTED: LiteralString = "UPDATE webhook_health SET rest_until = now()"
HURRIED: LiteralString = """
SELECT count(*) FROM webhook_delivery JOIN webhook_health USING (webhook_id)
WHERE attempts > 0 AND due_at < rest_until
"""
ACTIVE_SINCE: LiteralString = "UPDATE webhook SET active_since = now() - %s::interval"
FAILING_SINCE: LiteralString = """
UPDATE webhook_health SET failing_since = now() - %s::interval
"""

FAILED_AT: LiteralString = "UPDATE webhook_health SET failed_at = now() - %s::interval"


@pytest.fixture
def deliveries(own_journal_url: str) -> Iterator[Deliveries]:
    """Those of the webhooks `a` and `b`."""
    run(own_journal_url, ADD, "a")
    run(own_journal_url, ADD, "b")
    with closing(Database(own_journal_url, pool_max=2)) as database:
        yield Deliveries(database)


def run(url: str, statement: LiteralString, *values: Any) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement, values)


def put(deliveries: Deliveries, *new: New) -> None:
    deliveries._put_again(new)


def came_to(claimed: Claimed, outcome: Outcome, **more: Any) -> Attempt:
    return Attempt(
        claimed.webhook_id,
        claimed.position,
        claimed.claim,
        claimed.attempts + 1,
        claimed.is_probe,
        outcome,
        "id",
        "lock.acquired",
        1.0,
        **more,
    )


def deliver(deliveries: Deliveries, claimed: Sequence[Claimed]) -> Sequence[str]:
    return deliveries._settle([came_to(one, Outcome.DELIVERED) for one in claimed])


def fail(deliveries: Deliveries, claimed: Sequence[Claimed]) -> Sequence[str]:
    later = [came_to(one, Outcome.FAILED, again_seconds=0.0) for one in claimed]
    return deliveries._settle(later)


def places(claimed: Sequence[Claimed]) -> set[tuple[str, int]]:
    return {(one.webhook_id, one.position) for one in claimed}


def test_what_one_has_claimed_is_nobody_elses(deliveries: Deliveries) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 21)))
    first, second, third = (deliveries._claim({}) for _ in range(3))
    assert [len(first), len(second), len(third)] == [AT_ONCE_MAX, AT_ONCE_MAX, 4]
    assert not places(first) & places(second)
    assert not deliveries._claim({})


def test_of_each_webhook_only_so_many_are_sent_at_once(deliveries: Deliveries) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 100)), New("b", 1))
    claimed = deliveries._claim({"a": AT_ONCE_MAX - 1})
    assert sorted(places(claimed)) == [("a", 1), ("b", 1)]
    assert not deliveries._claim({"a": AT_ONCE_MAX})


def test_a_claim_that_has_lapsed_is_anothers_and_its_end_changes_nothing(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, New("a", 1))
    [lost] = deliveries._claim({})
    run(own_journal_url, LATE, lost.claim)
    [claimed] = deliveries._claim({})
    deliver(deliveries, [lost])
    assert deliveries._waiting(["a"], 9) == {"a": 1}
    deliver(deliveries, [claimed])
    assert deliveries._waiting(["a"], 9) == {"a": 0}


def test_what_was_put_is_put_once_and_only_by_who_knows_the_place(
    deliveries: Deliveries,
) -> None:
    assert deliveries._place() == 0
    assert deliveries._follow([New("a", 1), New("a", 2)], 0, 2)
    assert not deliveries._follow([New("a", 1)], 0, 1)
    assert deliveries._place() == 2
    assert deliveries._waiting(["a"], 9) == {"a": 2}


def test_in_order_only_the_first_of_each_subject_goes(deliveries: Deliveries) -> None:
    put(deliveries, *(New("a", n, f"s{n % 2}") for n in range(1, 7)))
    claimed = deliveries._claim({})
    assert places(claimed) == {("a", 1), ("a", 2)}
    put(deliveries, New("a", 7, "s1"))
    assert not deliveries._claim({})
    deliver(deliveries, [one for one in claimed if one.position == 1])
    fail(deliveries, [one for one in claimed if one.position == 2])
    assert places(deliveries._claim({})) == {("a", 3), ("a", 2)}


def test_after_three_failures_only_a_probe_goes_and_then_all_that_waited(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 21)))
    fail(deliveries, deliveries._claim({}))
    assert not deliveries._claim({})
    run(own_journal_url, "UPDATE webhook_health SET retry_at = now()")
    [probe] = deliveries._claim({})
    assert probe.is_probe
    assert not deliveries._claim({})
    fail(deliveries, [probe])
    run(own_journal_url, "UPDATE webhook_health SET retry_at = now()")
    deliver(deliveries, deliveries._claim({}))
    assert len(deliveries._claim({})) == AT_ONCE_MAX


def rest(deliveries: Deliveries, claimed: Claimed, seconds: float) -> None:
    told = {"again_seconds": seconds, "rest_seconds": seconds, "status": 429}
    deliveries._settle([came_to(claimed, Outcome.FAILED, **told)])


def test_who_asked_for_a_rest_has_it_whatever_succeeds_meanwhile(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 6)))
    first, second, third, fourth, fifth = deliveries._claim({})
    rest(deliveries, first, 600)
    deliver(deliveries, [second])
    rest(deliveries, third, 300)  # Until then, it had asked for a longer one.
    deliver(deliveries, [fourth, fifth])
    put(deliveries, New("a", 6))
    assert not deliveries._claim({})
    run(own_journal_url, RESTED)
    assert places(deliveries._claim({})) == {("a", 6)}


def test_nor_does_it_lose_its_rest_when_it_was_down_and_is_back(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 21)))
    last, *others = deliveries._claim({})
    fail(deliveries, others)
    run(own_journal_url, "UPDATE webhook_health SET retry_at = now()")
    [probe] = deliveries._claim({})
    rest(deliveries, probe, 600)
    deliver(deliveries, [last])
    assert not deliveries._claim({})
    with psycopg.connect(own_journal_url) as connection:
        assert connection.execute(HURRIED).fetchall() == [(0,)]
    deliveries._run("forgive", {"webhook_id": "a"})
    assert len(deliveries._claim({})) == AT_ONCE_MAX


@pytest.mark.parametrize(
    ("active", "failing", "hopeless"),
    [
        ("7 days", "6 days", ["a"]),
        ("7 days", "4 days", []),
        ("4 days", "6 days", []),  # It was resumed meanwhile.
        ("7 days", None, []),
    ],
)
def test_only_who_has_failed_for_five_days_is_hopeless(
    deliveries: Deliveries,
    own_journal_url: str,
    active: str,
    failing: str | None,
    hopeless: Sequence[str],
) -> None:
    put(deliveries, New("a", 1), New("a", 2))
    [first, second] = deliveries._claim({})
    run(own_journal_url, ACTIVE_SINCE, active)
    run(own_journal_url, FAILING_SINCE, failing)
    assert fail(deliveries, [first]) == hopeless
    assert deliver(deliveries, [second]) == []


@pytest.mark.parametrize(("silent", "hopeless"), [("30 hours", ["a"]), ("3 days", [])])
def test_who_was_sent_nothing_for_days_has_not_been_failing_meanwhile(
    deliveries: Deliveries,
    own_journal_url: str,
    silent: str,
    hopeless: Sequence[str],
) -> None:
    put(deliveries, New("a", 1), New("a", 2))
    [first, second] = deliveries._claim({})
    run(own_journal_url, ACTIVE_SINCE, "9 days")
    run(own_journal_url, FAILING_SINCE, "6 days")
    run(own_journal_url, FAILED_AT, silent)
    assert fail(deliveries, [first]) == hopeless
    assert fail(deliveries, [second]) == hopeless


def test_of_two_who_look_at_once_one_gets_the_probe(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 21)))
    fail(deliveries, deliveries._claim({}))
    run(own_journal_url, "UPDATE webhook_health SET retry_at = now()")
    with psycopg.connect(own_journal_url) as other:
        other.execute("SELECT FROM webhook_health FOR UPDATE")
        assert not deliveries._claim({})  # Nor does he wait for it.
    assert len(deliveries._claim({})) == 1


def test_what_was_deleted_is_swept(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, New("a", 1), New("b", 1))
    run(own_journal_url, "UPDATE webhook SET status = 'deleted' WHERE id = 'a'")
    assert deliveries._run("sweep", {"limit": 10}) == 1
    assert deliveries._waiting(["a", "b"], 9) == {"a": 0, "b": 1}


def test_what_waits_is_counted_for_each_and_to_a_limit(deliveries: Deliveries) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 21)), New("b", 7))
    assert deliveries._waiting(["a", "b", "none"], 9) == {"a": 9, "b": 1, "none": 0}
    assert deliveries._waiting([], 9) == {}
