"""A task for later is told as such; one for an instant that is past, as immediate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest

from domain.clock import utc_now
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Installation, until
from tests.support.tasks import NOTHING, status

# The first, unless the machine is very busy.
SOON = [timedelta(seconds=seconds) for seconds in (1, 5, 25)]
LOSE = """
UPDATE idempotent_request SET status = NULL, taken_until = now()
WHERE created_at = (SELECT max(created_at) FROM idempotent_request)
RETURNING id
"""


def scheduled(when: datetime) -> Json:
    return NOTHING | {"scheduleType": "scheduled", "scheduledFor": when.isoformat()}


def told(answer: Json) -> tuple[str, datetime | None]:
    when = answer["scheduledFor"]
    return answer["scheduleType"], when and datetime.fromisoformat(when)


def check_is_shown_so(caller: Caller, answer: Json) -> None:
    seen = status(caller, answer["operationId"])
    assert seen["scheduleType"] == answer["scheduleType"]
    first = answer["scheduledFor"] or answer["submittedAt"]
    assert seen["nextAttemptAt"] == first


def test_a_task_for_later_is_scheduled(application: Caller) -> None:
    when = utc_now() + timedelta(hours=1)
    answer = made(application.post("/tasks", scheduled(when)))
    assert told(answer) == ("scheduled", when)
    check_is_shown_so(application, answer)


@pytest.mark.parametrize("kind", [{}, {"scheduleType": None}])
def test_so_is_one_that_only_says_when(application: Caller, kind: Json) -> None:
    when = utc_now() + timedelta(hours=1)
    body = NOTHING | {"scheduledFor": when.isoformat()} | kind
    answer = made(application.post("/tasks", body))
    assert told(answer) == ("scheduled", when)
    check_is_shown_so(application, answer)


@pytest.mark.parametrize("kind", ["immediate", "recurring"])
def test_one_that_says_when_and_is_of_another_kind_is_refused(
    application: Caller, kind: str
) -> None:
    body = scheduled(utc_now() + timedelta(hours=1)) | {"scheduleType": kind}
    assert refused(application.post("/tasks", body), 400)["field"] == "scheduledFor"


@pytest.mark.parametrize("when", [{}, {"scheduledFor": None}])
def test_one_for_later_must_say_when(application: Caller, when: Json) -> None:
    body = NOTHING | {"scheduleType": "scheduled"} | when
    assert refused(application.post("/tasks", body), 400)["field"] == "scheduledFor"


@pytest.mark.parametrize("ago", [timedelta(milliseconds=1), timedelta(days=9_000)])
def test_a_task_for_an_instant_that_is_past_is_immediate(
    application: Caller, ago: timedelta
) -> None:
    answer = made(application.post("/tasks", scheduled(utc_now() - ago)))
    assert told(answer) == ("immediate", None)
    check_is_shown_so(application, answer)


@pytest.mark.parametrize("early", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_so_is_one_for_the_dim_past_that_does_not_say_its_kind(
    application: Caller, early: str
) -> None:
    answer = made(application.post("/tasks", NOTHING | {"scheduledFor": early}))
    assert told(answer) == ("immediate", None)


def test_so_is_one_whose_time_passes_before_it_is_on_record(
    application: Caller, installation: Installation, pool: ThreadPoolExecutor
) -> None:
    made(application.post("/tasks", NOTHING))
    with psycopg.connect(installation.settings.database_url) as busy:
        busy.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
        when = utc_now() + timedelta(seconds=1)
        waiting = pool.submit(application.post, "/tasks", scheduled(when))
        until(lambda: utc_now() > when)
    answer = made(waiting.result())
    assert told(answer) == ("immediate", None)
    check_is_shown_so(application, answer)


def test_an_answer_that_was_lost_is_the_same_when_its_time_has_passed(
    application: Caller, installation: Installation
) -> None:
    for soon in SOON:
        key, when = {"Idempotency-Key": unique("key")}, utc_now() + soon
        first = made(application.ask("POST", "/tasks", scheduled(when), headers=key))
        if first["scheduleType"] == "scheduled":
            break  # It was on record before its time.
    assert told(first) == ("scheduled", when)
    assert installation.query(LOSE)
    until(lambda: utc_now() > when)
    again = made(application.ask("POST", "/tasks", scheduled(when), headers=key))
    assert again == first
