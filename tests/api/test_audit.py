"""The audit of an environment: the whole story, with who, from where and by what."""

from __future__ import annotations

from urllib.parse import quote

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


def test_a_repository_s_audit_is_that_of_all_its_environments(
    application: Caller, owner: Caller, environment: Json
) -> None:
    repository = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    deleted = owner.environment(name="old", **repository)
    assert owner.delete(f"/environments/{deleted['id']}").status_code == 204
    other = owner.environment(name="qa", **repository)
    for place in environment, other, environment:
        lock = application.lock(place)
        lock.release(lock.hold()["ticketId"])
    refused(application.patch(f"/environments/{other['id']}", {}), 403)
    made(application.publish(other))
    application.look(other)
    parts = [*owner.audit(environment), *owner.audit(other)]
    story = sorted(parts, key=lambda record: record["accessed_at"], reverse=True)
    path = f"/environments/repository/{quote(repository['repositoryIdentifier'], '')}"
    assert owner.get(f"{path}/audit").json() == story
    assert owner.get(f"{path}/audit", limit=4, offset=2).json() == story[2:6]
    types = {record["access_type"] for record in story}
    assert types == {"create", "lock", "credentials", "refused", "release", "read"}
    for kind in types:
        chosen = [record for record in story if record["access_type"] == kind]
        assert owner.get(f"{path}/audit", accessType=kind).json() == chosen


@pytest.mark.parametrize("spelled", ["{}/audit", "{}/audit/", "{}%2Faudit"])
def test_a_repository_may_lie_deeper_and_its_slashes_may_come_decoded(
    owner: Caller, spelled: str
) -> None:
    name = unique("acme/team/a b/shop")
    made(owner.post("/projects", {"identifier": name, "remoteUrl": "https://a.b"}))
    sent = [quote(name), quote(name, ""), quote(name.upper(), "")]
    paths = [f"/environments/repository/{spelled.format(one)}" for one in sent]
    assert [owner.get(path).json() for path in paths] == [[], [], []]
    created = owner.environment(repositoryIdentifier=name)
    for path in paths:
        [record] = owner.get(path).json()
        assert record["environment_id"] == created["id"]
        assert record["repository_identifier"] == name


def test_an_unknown_repository_has_no_audit(owner: Caller) -> None:
    unknown = owner.get("/environments/repository/acme%2Fnowhere/audit")
    refused(unknown, 404, "REPOSITORY_NOT_FOUND")
    for rest in "", "/audits", "/audit/x":
        path = f"/environments/repository/{quote(owner.repository(), '')}{rest}"
        refused(owner.get(path), 404, "NOT_FOUND")


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
