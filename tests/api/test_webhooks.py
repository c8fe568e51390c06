"""Webhooks: what their owner says, what is shown, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from domain.clock import utc_now
from domain.ids import new_id
from domain.roles import Role
from projections.storage.uuid7 import event_id
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.hooks import Hook
from tests.support.running import Api, Installation

URL = "https://hooks.example.org/in?key=abc&b"
KEY = {"Idempotency-Key": ""}


def create(owner: Caller, **details: Any) -> Json:
    config = {"url": URL} | details.pop("config", {})
    body = {"name": "a", "event": "lock.*", "config": config, "status": "inactive"}
    return made(owner.post("/webhooks", body | details))


def look(owner: Caller, webhook: Json) -> Json:
    return made(owner.get(f"/webhooks/{webhook['id']}"))


def test_what_is_created_is_shown_but_for_its_secrets(owner: Caller) -> None:
    created = create(
        owner,
        config={
            "headers": {"X-Key": "secret one"},
            "filter": {"repositoryIdentifier": "acme/shop", "types": ["lock.granted"]},
        },
        retryDelay=1_000,
    )
    assert created.pop("secret").startswith("whsec_")
    shown = look(owner, created)
    assert shown == created
    assert shown["config"] == {
        "url": "https://hooks.example.org/in?key=***&***",
        "method": "POST",
        "headers": {"X-Key": "***"},
        "filter": {
            "repositoryIdentifier": "acme/shop",
            "environmentId": None,
            "category": None,
            "types": ["lock.granted"],
        },
    }
    assert shown["createdBy"] == owner.name
    assert (shown["status"], shown["provider"]) == ("inactive", "generic")
    assert (shown["timeout"], shown["retryCount"]) == (10_000, 9)
    assert (shown["errorCount"], shown["lastDeliveryAt"]) == (0, None)
    assert shown in made(owner.get("/webhooks"))  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("provider", ["slack", "teams", "discord"])
def test_of_a_chat_only_the_host_is_shown(owner: Caller, provider: str) -> None:
    url = "https://hooks.slack.com/services/T0/B0/secret"
    created = create(owner, provider=provider, config={"url": url})
    assert created["config"]["url"] == "https://hooks.slack.com/***"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("dG9rZW4", "***"),
        ("dG9rZW4=", "***"),
        ("dG9rZW4==", "***"),
        ("a=b&c", "a=***&***"),
    ],
)
def test_a_query_that_is_a_token_is_not_shown_as_a_name(
    owner: Caller, query: str, shown: str
) -> None:
    created = create(owner, config={"url": f"https://a.example/in?{query}"})
    assert created["config"]["url"] == f"https://a.example/in?{shown}"


def test_a_chat_that_becomes_a_program_does_not_show_its_url(owner: Caller) -> None:
    url = "https://hooks.slack.com/services/T0/B0/secret"
    path = f"/webhooks/{create(owner, provider='slack', config={'url': url})['id']}"
    change: Json = {"provider": "generic"}
    assert refused(owner.patch(path, change), 400)["field"] == "config.url"
    change["config"] = {"url": "https://hooks.slack.com/another"}
    assert made(owner.patch(path, change))["config"]["url"] == change["config"]["url"]


def test_no_event_tells_where_it_leads(
    owner: Caller, installation: Installation
) -> None:
    created = create(owner, config={"headers": {"X-Key": "secret two"}})
    owner.patch(f"/webhooks/{created['id']}", {"config": {"headers": {"X": "three"}}})
    rows = installation.query(
        "SELECT convert_from(state, 'UTF8') AS text FROM berth_events"
        " WHERE originator_id = %s ORDER BY originator_version",
        f"webhooks/{created['id']}",
    )
    assert len(rows) == 2
    assert "https://hooks.example.org" in rows[0]["text"]
    for row in rows:
        for secret in ("abc", "secret two", "three", created["secret"][6:]):
            assert secret not in row["text"]


def test_only_what_is_given_changes(owner: Caller) -> None:
    created = create(owner, retryCount=2)
    path = f"/webhooks/{created['id']}"
    change = {"name": "b", "config": {"method": "PUT", "url": "https://b.example/x"}}
    changed = made(owner.patch(path, change))
    assert (changed["name"], changed["event"]) == ("b", "lock.*")
    assert changed["config"]["url"] == "https://b.example/x"
    assert (changed["config"]["method"], changed["retryCount"]) == ("PUT", 2)
    assert made(owner.patch(path, {"retryCount": None}))["retryCount"] == 9
    assert made(owner.patch(path, {}))["name"] == "b"
    assert made(owner.patch(path, {"status": "active"}))["status"] == "active"
    assert made(owner.patch(path, {"status": "inactive"}))["status"] == "inactive"


def test_what_one_receiver_was_sent_is_not_sent_to_another(owner: Caller) -> None:
    """Else whoever may change a webhook could read its headers."""
    created = create(owner, config={"headers": {"X-Key": "secret"}})
    path = f"/webhooks/{created['id']}"
    elsewhere = {"config": {"url": "https://mine.example/in"}}
    assert refused(owner.patch(path, elsewhere), 400)["field"] == "config.headers"
    elsewhere["config"]["headers"] = {}  # type: ignore[assignment]
    assert made(owner.patch(path, elsewhere))["config"]["headers"] == {}
    here = {"config": {"url": "https://mine.example/another"}}
    assert made(owner.patch(path, here)).keys() == look(owner, created).keys()


def test_a_deleted_webhook_is_gone_with_its_secrets(
    owner: Caller, installation: Installation
) -> None:
    kept = "SELECT count(*) AS number FROM credential"
    before = installation.query(kept)
    created = create(owner)
    assert installation.query(kept)[0]["number"] == before[0]["number"] + 2
    path = f"/webhooks/{created['id']}"
    made(owner.post(f"{path}/rotate-secret"))
    assert owner.delete(path).status_code == 204
    assert installation.query(kept) == before
    for answer in (
        owner.get(path),
        owner.delete(path),
        owner.patch(path, {}),
        owner.post(f"{path}/rotate-secret"),
        owner.post(f"{path}/test"),
        owner.post(f"{path}/deliver", {"position": 1}),
        owner.post(f"{path}/replay", None, **{"from": 1}),
        owner.get(f"{path}/deliveries"),
    ):
        refused(answer, 404, "WEBHOOK_NOT_FOUND")


def test_a_secret_is_rotated_and_the_one_before_is_good_for_a_while(
    owner: Caller,
) -> None:
    created = create(owner)
    path = f"/webhooks/{created['id']}/rotate-secret"
    rotated = made(owner.post(path, {"overlapSeconds": 60}))
    assert rotated["secret"] not in (created["secret"], None)
    assert rotated["previousValidUntil"] is not None
    assert made(owner.post(path))["secret"] != rotated["secret"]


def test_whoever_creates_or_rotates_twice_with_one_key_is_told_the_same(
    owner: Caller,
) -> None:
    body = {"name": "a", "event": "*", "config": {"url": URL}, "status": "inactive"}
    key = {"Idempotency-Key": unique("key")}
    first, second = (
        made(owner.ask("POST", "/webhooks", body, headers=key)) for _ in range(2)
    )
    assert first == second
    path = f"/webhooks/{first['id']}/rotate-secret"
    key = {"Idempotency-Key": unique("key")}
    told = [made(owner.ask("POST", path, headers=key)) for _ in range(2)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"url": "https://127.1/"}, "config.url"),
        ({"url": "https://2130706433/"}, "config.url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "config.url"),
        ({"url": "https://[64:ff9b::a9fe:a9fe]/"}, "config.url"),
        ({"url": "https://user@a.example/"}, "config.url"),
        ({"url": "file:///etc/passwd"}, "config.url"),
        ({"url": ""}, "config.url"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "config.headers.X-A"),
        ({"headers": {"webhook-id": "a"}}, "config.headers.webhook-id"),
        ({"headers": {"Host": "a"}}, "config.headers.Host"),
        ({"headers": []}, "config.headers"),
        ({"method": "GET"}, "config.method"),
        ({"filter": {"types": ["lock.nothing"]}}, "config.filter.types"),
        ({"filter": {"environmentId": "uat"}}, "config.filter.environmentId"),
        ({"filter": {"category": "prod"}}, "config.filter.category"),
        (
            {"filter": {"repositoryIdentifier": " a"}},
            "config.filter.repositoryIdentifier",
        ),
        ({"filter": {"repository": "a"}}, "config.filter.repository"),
        ({"unheard": 1}, "config.unheard"),
    ],
)
def test_what_will_not_do_is_named_when_it_is_created_and_when_it_is_changed(
    owner: Caller, config: Json, field: str
) -> None:
    body = {"name": "a", "event": "*", "config": {"url": URL} | config}
    assert refused(owner.post("/webhooks", body), 400)["field"] == field
    path = f"/webhooks/{create(owner)['id']}"
    assert refused(owner.patch(path, {"config": config}), 400)["field"] == field


def test_a_chat_takes_post_only(owner: Caller) -> None:
    config = {"url": URL, "method": "PUT"}
    body = {"name": "a", "event": "*", "config": config, "provider": "slack"}
    assert refused(owner.post("/webhooks", body), 400)["field"] == "config.method"


def test_either_an_id_or_a_position_is_delivered(owner: Caller) -> None:
    path = f"/webhooks/{create(owner, status='active')['id']}/deliver"
    both = {"eventId": new_id(), "position": 1}
    for body in ({}, both):
        assert refused(owner.post(path, body), 400)["field"] == "eventId"
    unknown = event_id(utc_now())
    refused(owner.post(path, {"eventId": unknown}), 404, "EVENT_NOT_FOUND")
    refused(owner.post(path, {"position": 2**53}), 404, "EVENT_NOT_FOUND")


def test_nothing_is_delivered_to_what_is_not_active(owner: Caller) -> None:
    path = f"/webhooks/{create(owner)['id']}"
    deliver = owner.post(f"{path}/deliver", {"position": 1})
    refused(deliver, 409, "WEBHOOK_NOT_ACTIVE")
    replay = owner.post(f"{path}/replay", None, **{"from": 1})
    refused(replay, 409, "WEBHOOK_NOT_ACTIVE")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "from"),
        ({"from": 0}, "from"),
        ({"from": -1}, "from"),
        ({"from": "x"}, "from"),
        ({"from": 2, "to": 1}, "to"),
        ({"from": 1, "to": "x"}, "to"),
        ({"from": 1, "to": "null"}, "to"),
        ({"from": 1, "to": 2**60}, "to"),
    ],
)
def test_a_range_that_is_none_is_named(owner: Caller, query: Json, field: str) -> None:
    path = f"/webhooks/{create(owner, status='active')['id']}/replay"
    assert refused(owner.ask("POST", path, **query), 400)["field"] == field


def test_a_test_tells_what_came_back(owner: Caller, hook: Hook) -> None:
    created = hook.webhook(owner, status="inactive")
    path = f"/webhooks/{created['id']}/test"
    answer = made(owner.post(path))
    assert (answer["delivered"], answer["status"]) == (True, 200)
    assert answer["responseHead"] == "thank you"
    [request] = hook.got(1)
    assert request.json["type"] == "webhook.test"
    assert request.json["data"] == {"webhookId": created["id"], "name": created["name"]}
    hook.status = 302
    hook.headers = {"location": "http://127.0.0.1:1/"}
    answer = made(owner.post(path))
    assert (answer["delivered"], answer["status"]) == (False, 302)
    assert answer["error"] == "it answered 302"


def test_a_test_of_what_cannot_be_reached_tells_why(owner: Caller) -> None:
    created = create(owner, config={"url": "http://127.0.0.1:9/"})
    answer = made(owner.post(f"/webhooks/{created['id']}/test"))
    assert (answer["delivered"], answer["status"]) == (False, None)
    assert "connect" in answer["error"]


def test_who_is_no_owner_of_the_installation_sees_none(api: Api, owner: Caller) -> None:
    path = f"/webhooks/{create(owner)['id']}"
    for role in (Role.MEMBER, Role.APPLICATION):
        refused(api.caller(role).get(path), 403)
        refused(api.caller(role).get("/webhooks"), 403)
