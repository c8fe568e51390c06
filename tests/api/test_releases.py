"""Releases over HTTP: recorded once, under a live lock if under any, newest first."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response

from domain.ids import new_ticket_id
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api, until

TIMES = [f"2024-01-{day:02}T10:30:00Z" for day in range(1, 32)]
V1 = {"name": "v1", "domain": "core"}


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment()


def publish(caller: Caller, environment: Json, **body: Any) -> Response:
    return caller.post(f"/environments/{environment['id']}/releases", V1 | body)


def releases(caller: Caller, environment: Json, **query: Any) -> Json:
    return made(caller.get(f"/environments/{environment['id']}/releases", **query))


def names(caller: Caller, environment: Json, **query: Any) -> list[str]:
    found = releases(caller, environment, **query)
    return [release["name"] for release in found["releases"]]


# Publishing.


def test_a_release_under_a_lock_carries_its_fence(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    lock.release(lock.hold()["ticketId"])
    held = lock.hold()
    facts = {"publishedAt": TIMES[0], "metadata": {"commit": "7f3c2a1", "n": [1.5]}}
    answer = publish(application, environment, ticketId=held["ticketId"], **facts)
    assert answer.status_code == 201
    assert answer.json() == {
        **V1,
        **facts,
        "targetOrg": "uat",
        "repoIdentifier": environment["repositoryIdentifier"],
        "id": answer.json()["id"],
        "ticketId": held["ticketId"],
        "fence": 2,
        "publishedBy": application.name,
    }


def test_without_a_lock_there_is_no_fence_and_the_time_is_now(
    application: Caller, environment: Json
) -> None:
    released = made(publish(application, environment))
    assert (released["fence"], released["ticketId"], released["metadata"]) == (
        None,
        None,
        {},
    )
    seen = releases(application, environment)
    assert released["publishedAt"] <= seen["retrievedAt"]


def test_a_repeat_is_answered_the_same_and_recorded_once(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold()["ticketId"]
    facts = {"ticketId": ticket, "metadata": {"a": 1}}
    first = publish(application, environment, **facts)
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    by_name = "/environments/by-name/UAT/releases"
    repeats = [
        publish(application, environment, **facts),
        publish(application, environment),
        publish(application, environment, name="V1", domain="CORE"),
        application.post(by_name, V1 | facts, **here),
    ]
    made(lock.release(ticket))
    repeats.append(publish(application, environment, **facts))
    for repeat in repeats:
        assert (repeat.status_code, repeat.json()) == (201, first.json())
    assert releases(application, environment)["totalCount"] == 1
    assert len(application.audit(environment, accessType="release")) == 1


def test_a_repeat_with_other_facts_is_a_conflict(
    application: Caller, environment: Json
) -> None:
    made(publish(application, environment, publishedAt=TIMES[0], metadata={"a": 1}))
    others: list[Json] = [
        {"publishedAt": TIMES[1]},
        {"metadata": {"a": 2}},
        {"metadata": {}},
    ]
    for other in others:
        refused(publish(application, environment, **other), 409, "RELEASE_EXISTS")
    assert names(application, environment) == ["v1"]


def test_under_a_later_lock_it_is_deployed_once_more(
    application: Caller, environment: Json
) -> None:
    """Back to v1, since v2 did not do."""
    lock = application.lock(environment)
    for number, name in enumerate(["v1", "v2", "v1"], start=1):
        ticket = lock.hold()["ticketId"]
        released = publish(application, environment, name=name, ticketId=ticket)
        assert made(released)["fence"] == number
        made(lock.release(ticket))
    assert names(application, environment) == ["v1", "v2", "v1"]


@pytest.mark.parametrize("end", ["released", "expired"])
def test_a_ticket_that_held_once_has_a_stale_fence(
    application: Caller, owner: Caller, environment: Json, end: str
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold(leaseDurationSeconds=1)["ticketId"]
    if end == "released":
        made(lock.release(ticket))
    else:
        until(lambda: made(lock.look(ticket))["status"] == "expired")
    owner.lock(environment).hold()
    late = publish(application, environment, ticketId=ticket)
    refused(late, 409, "STALE_FENCE")
    assert names(application, environment) == []


def test_a_ticket_long_forgotten_is_as_stale(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold()["ticketId"]
    first = made(publish(application, environment, ticketId=ticket))
    made(lock.release(ticket))
    for _ in range(257):
        made(lock.release(lock.ticket()))
    again = publish(application, environment, ticketId=ticket)
    assert made(again) == first
    late = publish(application, environment, ticketId=ticket, name="v2")
    refused(late, 409, "STALE_FENCE")


def test_a_ticket_that_does_not_hold_yet_is_a_conflict(
    application: Caller, environment: Json
) -> None:
    granted, queued = (application.lock(environment).ticket() for _ in range(2))
    for ticket in granted, queued:
        early = publish(application, environment, ticketId=ticket)
        refused(early, 409, "LOCK_NOT_ACQUIRED")
    made(application.lock(environment).release(queued))
    withdrawn = publish(application, environment, ticketId=queued)
    refused(withdrawn, 404, "TICKET_ENDED")


def test_nobody_publishes_with_the_ticket_of_another(
    api: Api, owner: Caller, application: Caller, environment: Json
) -> None:
    ticket = application.lock(environment).hold()["ticketId"]
    stranger = api.caller(Role.APPLICATION, unique("mallory"))
    for other in stranger, owner:
        refused(publish(other, environment, ticketId=ticket), 403, "NOT_YOUR_TICKET")
    refusals = owner.audit(environment, accessType="refused")
    assert [record["accessed_by"] for record in refusals] == [
        owner.name,
        stranger.name,
    ]


def test_a_ticket_is_good_for_its_own_environment(
    application: Caller, owner: Caller, environment: Json
) -> None:
    elsewhere = application.lock(owner.environment()).hold()["ticketId"]
    for ticket in new_ticket_id(), elsewhere, "nonsense":
        strange = publish(application, environment, ticketId=ticket)
        refused(strange, 404, "TICKET_NOT_FOUND")


def test_only_applications_publish_and_members_read(
    member: Caller, environment: Json
) -> None:
    refused(publish(member, environment), 403, "FORBIDDEN")
    assert names(member, environment) == []


# Reading.


def test_the_newest_publication_comes_first_in_pages(
    application: Caller, environment: Json
) -> None:
    for number in (2, 0, 4, 1, 3):
        facts = {"name": f"v{number}", "publishedAt": TIMES[number]}
        made(publish(application, environment, **facts))
    made(publish(application, environment, name="same", publishedAt=TIMES[4]))
    story = ["same", "v4", "v3", "v2", "v1", "v0"]
    assert names(application, environment) == story
    assert names(application, environment, limit=2, offset=1) == story[1:3]
    beyond = releases(application, environment, offset=6)
    assert (beyond["releases"], beyond["totalCount"]) == ([], 6)
    assert (beyond["limit"], beyond["offset"]) == (50, 6)


def test_a_domain_is_chosen_however_it_is_spelled(
    application: Caller, environment: Json
) -> None:
    for domain in "core", "sales":
        made(publish(application, environment, domain=domain, name=domain))
    for spelled in "core", "Core":
        found = releases(application, environment, domain=spelled)
        assert [release["domain"] for release in found["releases"]] == ["core"]
        assert found["totalCount"] == 1
    for nothing in "", "cor":
        assert names(application, environment, domain=nothing) == []


def test_by_name_is_the_same_as_by_id(application: Caller, environment: Json) -> None:
    made(publish(application, environment))
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    found = made(application.get("/environments/by-name/UAT/releases", **here))
    by_id = releases(application, environment)
    assert found | {"retrievedAt": ""} == by_id | {"retrievedAt": ""}


def test_reading_and_publishing_are_on_record(
    api: Api, application: Caller, owner: Caller, environment: Json
) -> None:
    reader = api.caller(Role.MEMBER, unique("mia"))
    names(reader, environment)
    [read] = owner.audit(environment, accessType="read")
    assert read["accessed_by"] == reader.name
    ticket = application.lock(environment).hold()["ticketId"]
    facts = {"ticketId": ticket, "publishedAt": TIMES[0]}
    made(publish(application, environment, **facts))
    [record] = owner.audit(environment, accessType="release")
    assert record["accessed_by"] == application.name
    assert record["access_details"] == {
        **V1,
        "action": "release_published",
        "published_at": TIMES[0],
        "ticket_id": ticket,
        "fence": 1,
    }


def test_a_release_keeps_the_name_its_environment_had(
    application: Caller, owner: Caller, environment: Json
) -> None:
    made(publish(application, environment))
    made(owner.patch(f"/environments/{environment['id']}", {"name": "sit"}))
    found = releases(application, environment)
    assert found["environmentName"] == "sit"
    assert found["releases"][0]["targetOrg"] == "uat"


def test_a_deleted_environment_takes_its_releases_along(
    application: Caller, owner: Caller, environment: Json
) -> None:
    made(publish(application, environment))
    assert owner.delete(f"/environments/{environment['id']}").status_code == 204
    gone = application.get(f"/environments/{environment['id']}/releases")
    refused(gone, 404, "ENVIRONMENT_NOT_FOUND")
    refused(publish(application, environment), 404, "ENVIRONMENT_NOT_FOUND")
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    assert names(application, owner.environment(**here)) == []


def test_a_name_may_have_slashes_and_what_people_write(
    application: Caller, environment: Json
) -> None:
    name = "release/1.2 \u6d4b\u8bd5"
    assert made(publish(application, environment, name=name))["name"] == name
    assert names(application, environment) == [name]
