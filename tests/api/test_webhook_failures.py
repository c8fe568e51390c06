"""Receivers that fail: tried again, probed, left alone, suspended; others go on."""

from __future__ import annotations

import json

import pytest

from tests.api.test_webhooks import create
from tests.support.client import Caller, Json, made
from tests.support.hooks import (
    Hook,
    attempts,
    listening,
    lock_events,
    only,
    status,
)
from tests.support.running import Installation, until

pytestmark = pytest.mark.usefixtures("telling")

DUE = "UPDATE webhook_delivery SET due_at = now() WHERE webhook_id = %s RETURNING 1"
AWAKE = """
UPDATE webhook_health SET retry_at = now() WHERE webhook_id = %s RETURNING 1
"""
LONG_AGO = """
UPDATE webhook_health SET failing_since = now() - interval '6 days'
WHERE webhook_id = %s RETURNING 1
"""
OLD = """
UPDATE webhook SET active_since = now() - interval '7 days'
WHERE id = %s RETURNING 1
"""


def test_what_fails_is_tried_again_with_the_same_id(owner: Caller, hook: Hook) -> None:
    environment = owner.environment()
    webhook = hook.webhook(
        owner, config=only(environment, types=["lock.acquired"]), retryDelay=100
    )
    hook.judge = lambda _: 200 if hook.requests else 500
    lock_events(owner, environment)
    hook.got(2)
    first, second = hook.requests[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    until(lambda: len(attempts(owner, webhook)) == 2)
    again, failed = attempts(owner, webhook)
    assert (failed["outcome"], failed["status"]) == ("failed", 500)
    assert failed["nextAttemptAt"] is not None
    assert (again["outcome"], again["attempt"]) == ("delivered", 2)
    assert attempts(owner, webhook, outcome="failed") == [failed]


def test_after_its_last_retry_it_is_given_up(owner: Caller, hook: Hook) -> None:
    environment = owner.environment()
    webhook = hook.webhook(
        owner,
        config=only(environment, types=["lock.acquired"]),
        retryCount=1,
        retryDelay=100,
    )
    hook.status = 301
    lock_events(owner, environment)
    until(lambda: len(attempts(owner, webhook)) == 2)
    assert [a["outcome"] for a in attempts(owner, webhook)] == ["givenUp", "failed"]
    shown = made(owner.get(f"/webhooks/{webhook['id']}"))
    assert (shown["errorCount"], shown["pendingDeliveries"]) == (2, 0)


def test_the_dead_are_probed_and_get_everything_once_they_are_back(
    owner: Caller, installation: Installation, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment))
    hook.status = 503
    for _ in range(5):
        lock_events(owner, environment)
    until(lambda: made(owner.get(f"/webhooks/{webhook['id']}"))["errorCount"] >= 3)
    until(lambda: len(attempts(owner, webhook)) == len(hook.requests))
    tried = len(hook.requests)
    assert tried < 20
    before = {request.position for request in hook.requests}
    hook.status = 200
    assert installation.query(AWAKE, webhook["id"])
    until(
        lambda: not made(owner.get(f"/webhooks/{webhook['id']}"))["pendingDeliveries"]
    )
    delivered = attempts(owner, webhook, outcome="delivered", limit="200")
    assert len(delivered) == len({d["position"] for d in delivered}) == 20
    assert before <= {d["position"] for d in delivered}


def test_a_slow_receiver_keeps_nobody_else_waiting(owner: Caller, hook: Hook) -> None:
    environment = owner.environment()
    hook.wait.clear()
    hook.webhook(owner, config=only(environment))
    with listening() as other:
        other.webhook(owner, config=only(environment))
        for _ in range(10):
            lock_events(owner, environment)
        other.got(40)
        hook.got(8)
        assert len(hook.requests) == 8  # As many as are sent at once.
        hook.wait.set()
        hook.got(40)


def test_who_says_that_it_is_gone_is_told_no_more_until_it_is_resumed(
    owner: Caller, installation: Installation, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    hook.status = 410
    lock_events(owner, environment)
    until(lambda: status(owner, webhook) == "failed")
    told = len(hook.requests)
    lock_events(owner, environment)  # Not meant for it.
    hook.status = 200
    made(owner.patch(f"/webhooks/{webhook['id']}", {"status": "active"}))
    assert installation.query(DUE, webhook["id"])
    hook.got(told + 1)
    assert len({request.position for request in hook.requests}) == 1
    lock_events(owner, environment)
    hook.got(told + 2)
    assert len({request.position for request in hook.requests}) == 2


def test_who_fails_for_five_days_is_suspended_with_an_event(
    owner: Caller, installation: Installation, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    hook.status = 500
    lock_events(owner, environment)
    until(lambda: len(attempts(owner, webhook)) == 1)
    assert status(owner, webhook) == "active"
    assert installation.query(LONG_AGO, webhook["id"])
    assert installation.query(OLD, webhook["id"])
    assert installation.query(DUE, webhook["id"])
    until(lambda: status(owner, webhook) == "failed")
    [event] = installation.query(
        "SELECT convert_from(state, 'UTF8') AS text FROM berth_events"
        " WHERE originator_id = %s AND topic = 'webhook.suspended'",
        f"webhooks/{webhook['id']}",
    )
    assert json.loads(event["text"])["event"]["reason"] == "failing"
    refused = owner.post(f"/webhooks/{webhook['id']}/deliver", {"position": 1})
    assert refused.status_code == 409


def test_who_is_busy_is_left_alone_for_as_long_as_it_says(
    owner: Caller, installation: Installation, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    hook.status, hook.headers = 429, {"retry-after": "3600"}
    lock_events(owner, environment)
    until(lambda: len(attempts(owner, webhook)) == 1)
    [row] = installation.query(
        "SELECT extract(epoch FROM rest_until - now())::int AS seconds"
        " FROM webhook_health WHERE webhook_id = %s",
        webhook["id"],
    )
    assert 3_500 < row["seconds"] <= 3_600


def test_what_another_receiver_did_is_not_held_against_a_new_one(
    owner: Caller, installation: Installation
) -> None:
    created = create(owner)
    path = f"/webhooks/{created['id']}"
    fail = """INSERT INTO webhook_health (webhook_id, failing_since)
        VALUES (%s, now()) ON CONFLICT (webhook_id) DO UPDATE
        SET failing_since = now() RETURNING webhook_id"""
    ask = "SELECT failing_since FROM webhook_health WHERE webhook_id = %s"
    assert installation.query(fail, created["id"])
    changes: list[tuple[Json, bool]] = [
        ({"name": "b"}, True),
        ({"config": {"method": "PUT"}}, True),
        ({"config": {"url": "https://b.example/x"}}, False),
    ]
    for change, is_failing in changes:
        made(owner.patch(path, change))
        [row] = installation.query(ask, created["id"])
        assert (row["failing_since"] is not None) is is_failing
