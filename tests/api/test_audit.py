"""The audit of an environment: the whole story, with who, from where and by what."""

from __future__ import annotations

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api, until

TRAIN = {"user-agent": "release-train/7"}


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment(salesforceUsername=owner.org())


def test_the_story_of_a_lock_is_told_newest_first(
    application: Caller, owner: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    held = lock.hold(leaseDurationSeconds=60, reason="release 2.1")
    ticket = {"ticket_id": held["ticketId"]}
    renewed = made(lock.renew(held["ticketId"], leaseDurationSeconds=120))
    made(lock.release(held["ticketId"]))
    change = {"branch": "main", "tags": ["a"]}
    made(owner.patch(f"/environments/{environment['id']}", change))
    lease = ticket | {"duration_seconds": 60, "reason": "release 2.1"}
    told = [
        (record["access_type"], record["accessed_by"], record["access_details"])
        for record in owner.audit(environment)
    ]
    holder, fence = application.name, {"fence": 1}
    username = {"salesforce_username": environment["salesforceUsername"]}
    assert told == [
        (
            "update",
            owner.name,
            {"action": "environment_updated", "fields": ["branch", "tags"]},
        ),
        (
            "lock",
            holder,
            {"action": "environment_unlocked", "requested_by": holder, "forced": False}
            | ticket
            | fence,
        ),
        (
            "lock",
            holder,
            {"action": "lock_renewed", "expires_at": renewed["expiresAt"]}
            | ticket
            | fence,
        ),
        (
            "credentials",
            holder,
            {"action": "credentials_disclosed"} | ticket | fence | username,
        ),
        ("lock", holder, {"action": "environment_locked"} | lease),
        (
            "lock",
            holder,
            {"action": "lock_granted", "granted_to": holder} | ticket | fence,
        ),
        ("lock", holder, {"action": "lock_requested"} | lease),
        ("create", owner.name, {"action": "environment_created", "name": "uat"}),
    ]


def test_a_record_says_who_from_where_and_by_what(
    api: Api, owner: Caller, environment: Json
) -> None:
    token = made(owner.post("/application-tokens", {"name": "train"}))["token"]
    lock = api.bearing(token).lock(environment)
    lock.caller.ask("POST", lock.path, {}, headers=TRAIN, **lock.query)
    [_, requested] = owner.audit(environment, accessType="lock")
    assert requested == {
        "id": requested["id"],
        "environment_id": environment["id"],
        "repository_identifier": environment["repositoryIdentifier"],
        "accessed_by": "train",
        "accessed_by_application": "train",
        "access_type": "lock",
        "access_details": requested["access_details"],
        "ip_address": "127.0.0.1",
        "user_agent": "release-train/7",
        "accessed_at": requested["accessed_at"],
    }


def test_pages_and_types_are_cut_from_one_story(
    application: Caller, owner: Caller, environment: Json
) -> None:
    for _ in range(3):
        lock = application.lock(environment)
        lock.release(lock.hold()["ticketId"])
    story = owner.audit(environment)
    assert owner.audit(environment, limit=2) == story[:2]
    assert owner.audit(environment, limit=5, offset=3) == story[3:8]
    assert owner.audit(environment, offset=len(story)) == []
    for kind in "lock", "credentials", "create":
        chosen = [record for record in story if record["access_type"] == kind]
        assert owner.audit(environment, accessType=kind) == chosen
        assert chosen


def test_a_read_is_on_record_once_a_minute_for_each_reader(
    api: Api, owner: Caller, environment: Json
) -> None:
    readers = [api.caller(Role.MEMBER, unique(name)) for name in ("mia", "max")]
    lock = owner.lock(environment)
    ticket = lock.ticket()
    for reader in readers * 3:
        reader.look(environment)
        reader.lock_by_name(environment).look(ticket)
        reader.get("/environments")
    reads = owner.audit(environment, accessType="read")
    assert [r["accessed_by"] for r in reads] == [readers[1].name, readers[0].name]


def test_a_refusal_is_on_record_at_once_and_a_flood_of_them_is_not(
    api: Api, owner: Caller, environment: Json
) -> None:
    stranger = api.caller(Role.MEMBER, unique("mallory"))
    lock = stranger.lock(environment)
    for _ in range(5):
        refused(lock.request(), 403)
    [record] = owner.audit(environment, accessType="refused")
    assert record["accessed_by"] == stranger.name
    assert record["access_details"] == {
        "action": "access_refused",
        "status": 403,
        "method": "POST",
        "path": f"/sfp/api{lock.path}",
        "reason": "this takes the role application, not member",
        "count": 1,
    }


def test_a_refusal_by_name_is_on_record_too(
    api: Api, owner: Caller, environment: Json
) -> None:
    stranger = api.caller(Role.MEMBER, unique("mallory"))
    refused(stranger.lock_by_name(environment).request(), 403)
    [record] = owner.audit(environment, accessType="refused")
    assert record["accessed_by"] == stranger.name


def test_another_s_ticket_is_a_refusal_on_record(
    api: Api, owner: Caller, environment: Json
) -> None:
    ticket = owner.lock(environment).ticket()
    stranger = api.caller(Role.APPLICATION, unique("mallory"))
    refused(stranger.lock_by_name(environment).acquire(ticket), 403, "NOT_YOUR_TICKET")
    [record] = owner.audit(environment, accessType="refused")
    assert record["accessed_by"] == stranger.name


def test_an_expiry_is_nobody_s_doing(
    application: Caller, owner: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold(leaseDurationSeconds=1)["ticketId"]
    until(lambda: made(lock.look(ticket))["status"] == "expired")
    made(lock.release(ticket))  # Whoever comes by first puts it on record.
    [expired, *_] = owner.audit(environment, accessType="lock")
    assert expired["accessed_by"] == "berth:time"
    assert expired["access_details"]["cause"] == "lease"
