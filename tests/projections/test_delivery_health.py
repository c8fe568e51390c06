"""How a receiver did says when it is tried next, and what of its own waits for that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from domain.webhook.schedule import (
    FAILURES_MAX,
    JITTER,
    PROBE_SECONDS,
    PROBE_SECONDS_MAX,
)
from projections.storage.deliveries import (
    AT_ONCE_MAX,
    LEASE_SECONDS,
    Claimed,
    Deliveries,
    New,
    Outcome,
)
from tests.projections import test_deliveries
from tests.projections.test_deliveries import (
    LATE,
    came_to,
    deliver,
    places,
    put,
    rest,
    run,
)

deliveries = test_deliveries.deliveries
NOW: LiteralString = "SELECT clock_timestamp()"
DUE: LiteralString = "SELECT due_at FROM webhook_delivery WHERE webhook_id = 'a'"
RETRY: LiteralString = "SELECT retry_at FROM webhook_health WHERE webhook_id = 'a'"
AWAKE: LiteralString = "UPDATE webhook_health SET retry_at = now()"


def ask(url: str, question: LiteralString) -> datetime:
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute(question)
    assert isinstance(found, datetime)
    return found


def fail(deliveries: Deliveries, claimed: Sequence[Claimed], again: float) -> None:
    told: dict[str, Any] = {"again_seconds": again}
    deliveries._settle([came_to(one, Outcome.FAILED, **told) for one in claimed])


def many(deliveries: Deliveries) -> Sequence[Claimed]:
    """As many are claimed as may be sent at once, of more."""
    put(deliveries, *(New("a", position) for position in range(1, 41)))
    claimed = deliveries._claim({})
    assert len(claimed) == AT_ONCE_MAX
    return claimed


def test_a_claim_lasts_for_as_long_as_its_receiver_may_take(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    run(own_journal_url, """UPDATE webhook SET facts = '{"timeout_ms": 30000}'""")
    put(deliveries, New("a", 1))
    before = ask(own_journal_url, NOW)
    deliveries._claim({})
    lasts = ask(own_journal_url, DUE) - before
    assert lasts >= timedelta(seconds=30 + LEASE_SECONDS)


def test_a_failure_of_a_claim_that_has_lapsed_does_not_end_the_other_one(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    put(deliveries, New("a", 1))
    [lost] = deliveries._claim({})
    run(own_journal_url, LATE, lost.claim)
    [_] = deliveries._claim({})
    fail(deliveries, [lost], again=0)
    assert not deliveries._claim({})


@pytest.mark.parametrize("status", ["inactive", "failed", "deleted"])
def test_who_is_not_active_is_sent_nothing(
    deliveries: Deliveries, own_journal_url: str, status: str
) -> None:
    put(deliveries, New("a", 1))
    run(own_journal_url, "UPDATE webhook SET status = %s", status)
    assert not deliveries._claim({})


def test_what_is_sent_again_begins_anew_whatever_comes_of_it_just_now(
    deliveries: Deliveries,
) -> None:
    put(deliveries, New("a", 1))
    fail(deliveries, deliveries._claim({}), again=0)
    [under_way] = deliveries._claim({})
    assert under_way.attempts == 1
    put(deliveries, New("a", 1))
    deliver(deliveries, [under_way])
    [again] = deliveries._claim({})
    assert again.attempts == 0


def test_what_was_asked_for_before_it_was_found_out_is_not_sent_twice(
    deliveries: Deliveries,
) -> None:
    put(deliveries, New("a", 1))
    [_] = deliveries._claim({})
    assert deliveries._follow([New("a", 1)], deliveries._place(), 1)
    assert not deliveries._claim({})


def test_so_many_failures_in_a_row_are_too_many_and_no_fewer(
    deliveries: Deliveries,
) -> None:
    one, *claimed = many(deliveries)
    few = FAILURES_MAX - 1
    fail(deliveries, claimed[:few], again=0)
    assert len(deliveries._claim({})) == AT_ONCE_MAX
    deliver(deliveries, [one])  # From here on, they are counted anew.
    fail(deliveries, claimed[few : 2 * few], again=0)
    assert len(deliveries._claim({})) == AT_ONCE_MAX
    fail(deliveries, claimed[2 * few : 2 * few + 1], again=0)
    assert not deliveries._claim({})


def test_the_dead_are_probed_less_and_less_often(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    claimed = many(deliveries)
    waits = [PROBE_SECONDS * 2**n for n in range(9)]
    for number, seconds in enumerate(waits):
        before = ask(own_journal_url, NOW)
        fail(deliveries, claimed[:FAILURES_MAX], again=0)
        after, retry = ask(own_journal_url, NOW), ask(own_journal_url, RETRY)
        wait = timedelta(seconds=min(seconds, PROBE_SECONDS_MAX))
        assert before + wait * (1 - JITTER) <= retry <= after + wait * (1 + JITTER)
        if number == 0:  # Those that were under way then are no probes.
            fail(deliveries, claimed[FAILURES_MAX:], again=0)
            assert ask(own_journal_url, RETRY) == retry
        run(own_journal_url, AWAKE)
        claimed = deliveries._claim({})
        assert [one.is_probe for one in claimed] == [True]


def test_the_dead_are_left_alone_for_as_long_as_they_ask(
    deliveries: Deliveries, own_journal_url: str
) -> None:
    fail(deliveries, many(deliveries), again=0)
    run(own_journal_url, AWAKE)
    [probe] = deliveries._claim({})
    rest(deliveries, probe, 600)
    run(own_journal_url, AWAKE)
    assert not deliveries._claim({})


def test_what_failed_waits_for_its_own_next_try_while_others_succeed(
    deliveries: Deliveries,
) -> None:
    put(deliveries, New("a", 1), New("a", 2))
    first, second = deliveries._claim({})
    fail(deliveries, [first], again=600)
    deliver(deliveries, [second])
    assert not deliveries._claim({})


def test_once_a_receiver_is_back_what_failed_waits_no_more_but_what_is_under_way(
    deliveries: Deliveries,
) -> None:
    put(deliveries, *(New("a", position) for position in range(1, 7)))
    by_place = {one.position: one for one in deliveries._claim({})}
    fail(deliveries, [by_place[1]], again=0)
    [under_way] = deliveries._claim({})
    fail(deliveries, [by_place[n] for n in range(2, 6)], again=600)
    assert (under_way.position, under_way.attempts) == (1, 1)
    deliver(deliveries, [by_place[6]])
    assert places(deliveries._claim({})) == {("a", n) for n in range(2, 6)}
