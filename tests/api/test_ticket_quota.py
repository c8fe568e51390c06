"""How many open tickets and recurring tasks one caller may have."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import psycopg
import pytest

from api.waiting import (
    SCHEDULES_PER_CALLER_MAX,
    TICKETS_PER_CALLER_MAX,
    Quota,
    schedule_quota,
    ticket_quota,
)
from domain.errors import TooMany
from domain.event import Actor
from domain.roles import Role
from projections.storage.database import Database
from projections.storage.reader import Reader

TICKETS: LiteralString = """
INSERT INTO lock_ticket (
    id, environment_id, requested_position, status, requested_by, application,
    lease_seconds, requested_at, lapses_at, ended_at
)
SELECT
    gen_random_uuid(), number %% 10, number, 'queued', 'ci', 'ci', 60, now(), now(),
    CASE WHEN number > %(open)s THEN now() END
FROM generate_series(1, %(open)s + 100) AS number
"""
SCHEDULES: LiteralString = """
INSERT INTO schedule
SELECT
    's' || number, number, 'check', 'low', NULL, NULL, NULL, 'ci', 'ci', now(),
    CASE WHEN number > %(going)s THEN 'cancelled' ELSE 'pending' END,
    now(), NULL, 0, 0, NULL, false, NULL, NULL
FROM generate_series(1, %(going)s + 100) AS number
"""
CI = Actor("ci", Role.APPLICATION, application="ci")
PERSON = Actor("ci", Role.APPLICATION)


def test_five_thousand_is_the_most_and_what_has_ended_does_not_count(
    own_journal_url: str,
) -> None:
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(TICKETS, {"open": TICKETS_PER_CALLER_MAX - 1})
    database = Database(own_journal_url, name="quota")
    quota = ticket_quota(Reader(database))
    try:
        asyncio.run(ask_twice(quota))
    finally:
        database.close()


def test_a_thousand_recurring_tasks_may_go_on(own_journal_url: str) -> None:
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(SCHEDULES, {"going": SCHEDULES_PER_CALLER_MAX - 1})
    database = Database(own_journal_url, name="quota")
    try:
        asyncio.run(ask_twice(schedule_quota(Reader(database))))
    finally:
        database.close()


async def ask_twice(quota: Quota) -> None:
    await quota.check(CI)
    with pytest.raises(TooMany):
        await quota.check(CI)
    await quota.check(PERSON)  # Of the same name, and somebody else.
