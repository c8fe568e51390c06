"""What happens is delivered, signed, to whom it is for, and as often as asked."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook as Oracle
from standardwebhooks.webhooks import WebhookVerificationError

from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.hooks import (
    Hook,
    Request,
    attempts,
    listening,
    lock_events,
    only,
    switch_off,
)
from tests.support.running import Installation, until

pytestmark = pytest.mark.usefixtures("telling")


def test_what_is_wanted_is_delivered_signed_and_nothing_else(
    owner: Caller, hook: Hook
) -> None:
    environment, other = owner.environment(), owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    lock_events(owner, other)
    ticket = lock_events(owner, environment)
    lock_events(owner, environment)
    first, _ = sorted(hook.got(2), key=lambda request: request.position)
    oracle = Oracle(webhook["secret"])
    oracle.verify(first.body, dict(first.headers))
    with pytest.raises(WebhookVerificationError):
        oracle.verify(first.body + b" ", dict(first.headers))
    body = first.json
    assert body.keys() == {"type", "event", "timestamp", "data"}
    assert body["type"] == "lock.acquired"
    assert body["data"]["ticket_id"] == ticket
    assert body["data"]["origin"]["by"] == owner.name
    event = body["event"]
    assert first.headers["webhook-id"] == event["id"]
    assert event["type"] == "berth.lock.acquired.v1"
    assert event["subject"] == f"environments/{environment['id']}"
    assert event["time"] == body["timestamp"]
    assert [r.json["type"] for r in hook.requests] == ["lock.acquired"] * 2
    until(lambda: len(attempts(owner, webhook)) == 2)
    newest, _ = attempts(owner, webhook)
    assert newest["outcome"] == "delivered"
    assert (newest["status"], newest["attempt"]) == (200, 1)
    assert newest["responseHead"] == "thank you"
    assert newest["nextAttemptAt"] is None
    shown = made(owner.get(f"/webhooks/{webhook['id']}"))
    assert shown["lastDeliveryAt"] is not None
    assert (shown["errorCount"], shown["pendingDeliveries"]) == (0, 0)


def test_by_repository_and_category(owner: Caller, hook: Hook) -> None:
    tested, developed = owner.environment(), owner.environment(category="dev")
    repository = tested["repositoryIdentifier"].upper()
    hook.webhook(
        owner,
        event="*",
        config={"filter": {"repositoryIdentifier": repository, "types": ["lock.*"]}},
    )
    with listening() as by_category:
        wanted = {"category": "dev", "types": ["lock.released"]}
        by_category.webhook(owner, event="*", config={"filter": wanted})
        for environment in (tested, developed):
            lock_events(owner, environment)
        [request] = by_category.got(1)
        assert request.json["event"]["subject"] == f"environments/{developed['id']}"
        hook.got(4)
        subjects = {r.json["event"]["subject"] for r in hook.requests}
        assert subjects == {f"environments/{tested['id']}"}


def test_in_order_the_next_waits_for_the_one_before_and_for_no_other(
    owner: Caller, hook: Hook
) -> None:
    first, second = owner.environment(), owner.environment()
    subject = f"environments/{first['id']}"
    failing = {"is": True}

    def judge(request: Request) -> int:
        is_first = request.json["event"]["subject"] == subject
        return 500 if is_first and failing["is"] else 200

    hook.judge = judge
    types_ = ["lock.requested", "lock.granted", "lock.acquired", "lock.released"]
    wanted = {"filter": {"types": types_}}
    webhook = hook.webhook(owner, config=wanted, ordering="environment", retryDelay=500)
    for _ in range(3):
        lock_events(owner, first)
        lock_events(owner, second)

    def of(environment: Json) -> list[int]:
        path = f"environments/{environment['id']}"
        found = [r for r in hook.requests if r.json["event"]["subject"] == path]
        return [request.position for request in found]

    until(lambda: len(of(second)) == 12)
    assert of(second) == sorted(of(second))
    assert len(set(of(first))) == 1
    failing["is"] = False
    until(lambda: len(set(of(first))) == 12)
    assert of(first) == sorted(of(first))
    switch_off(owner, webhook)


def test_both_secrets_sign_for_a_while(owner: Caller, hook: Hook) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    path = f"/webhooks/{webhook['id']}/rotate-secret"
    rotated = made(owner.post(path))
    lock_events(owner, environment)
    [request] = hook.got(1)
    for secret in (webhook["secret"], rotated["secret"]):
        Oracle(secret).verify(request.body, dict(request.headers))
    made(owner.post(path, {"overlapSeconds": 0}))
    lock_events(owner, environment)
    request = hook.got(2)[1]
    for secret in (webhook["secret"], rotated["secret"]):
        with pytest.raises(WebhookVerificationError):
            Oracle(secret).verify(request.body, dict(request.headers))


def test_a_range_is_sent_again_and_so_is_one_event_by_its_id_or_place(
    owner: Caller, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment))
    lock_events(owner, environment)
    first, *_, last = sorted(r.position for r in hook.got(4))
    path = f"/webhooks/{webhook['id']}"
    until(lambda: len(attempts(owner, webhook)) == 4)
    replayed = made(owner.post(f"{path}/replay", None, **{"from": first, "to": last}))
    assert replayed == {"number": 4, "next": None}
    assert len({r.headers["webhook-id"] for r in hook.got(8)}) == 4
    until(lambda: len(attempts(owner, webhook)) == 8)
    event_id = hook.requests[0].headers["webhook-id"]
    told = made(owner.post(f"{path}/deliver", {"eventId": event_id}))
    assert told["position"] == hook.requests[0].position
    assert hook.got(9)[8].headers["webhook-id"] == event_id
    until(lambda: len(attempts(owner, webhook)) == 9)
    made(owner.post(f"{path}/deliver", {"position": 1}))  # Not what it asks for.
    assert hook.got(10)[9].position == 1


def test_a_long_range_is_sent_again_piece_by_piece_and_each_event_once(
    installation: Installation, hook: Hook
) -> None:
    few = "from api import webhook_deliveries\nwebhook_deliveries.REPLAYED_MAX = 3\n"
    with installation.api("replaying-api", first=few) as api:
        owner = api.caller(Role.OWNER)
        environment = owner.environment()
        webhook = hook.webhook(owner, config=only(environment))
        lock_events(owner, environment)
        first, *_, last = sorted(r.position for r in hook.got(4))
        until(lambda: len(attempts(owner, webhook)) == 4)
        path, number = f"/webhooks/{webhook['id']}/replay", 0
        for begin in range(first, last + 1, 3):
            told = made(owner.post(path, None, **{"from": begin, "to": last}))
            number += told["number"]
            assert told["next"] == (begin + 3 if begin + 3 <= last else None)
        assert number == 4
        hook.got(8)
        until(lambda: len(attempts(owner, webhook)) == 8)
        assert {r.position for r in hook.requests[4:]} == {
            r.position for r in hook.requests[:4]
        }


def test_pages_of_deliveries_lead_from_one_to_the_next(
    owner: Caller, hook: Hook
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment))
    lock_events(owner, environment)
    until(lambda: len(attempts(owner, webhook)) == 4)
    path = f"/webhooks/{webhook['id']}/deliveries"
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(2):
        page = made(owner.get(path, limit=3, **after))
        seen += [one["id"] for one in page["deliveries"]]
        after = {"after": page["next"]}
    assert len(set(seen)) == 4
    assert page["next"] is None


def test_what_a_receiver_repeats_of_a_secret_header_is_not_kept(
    owner: Caller, hook: Hook
) -> None:
    environment = owner.environment()
    config = only(environment, types=["lock.acquired"])
    webhook = hook.webhook(owner, config=config | {"headers": {"X-Key": "very secret"}})
    hook.body = b"you sent: very secret"
    lock_events(owner, environment)
    [request] = hook.got(1)
    assert request.headers["x-key"] == "very secret"
    until(lambda: len(attempts(owner, webhook)) == 1)
    [attempt] = attempts(owner, webhook)
    assert attempt["responseHead"] == "you sent: ***"
