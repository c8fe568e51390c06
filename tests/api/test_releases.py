"""Recording a release: once, and under a live lock if under any."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.ids import new_ticket_id
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api, until

TIMES = [f"2024-01-{day:02}T10:30:00Z" for day in range(1, 32)]
V1 = {"name": "v1", "domain": "core"}


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment()


def names(caller: Caller, environment: Json, **query: Any) -> list[str]:
    found = caller.releases(environment, **query)
    return [release["name"] for release in found["releases"]]


def test_a_release_under_a_lock_carries_its_fence(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    lock.release(lock.hold()["ticketId"])
    held = lock.hold()
    facts = {"publishedAt": TIMES[0], "metadata": {"commit": "7f3c2a1", "n": [1.5]}}
    answer = application.publish(environment, ticketId=held["ticketId"], **facts)
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
    released = made(application.publish(environment))
    assert (released["fence"], released["ticketId"], released["metadata"]) == (
        None,
        None,
        {},
    )
    seen = application.releases(environment)
    assert released["publishedAt"] <= seen["retrievedAt"]


def test_a_repeat_is_answered_the_same_and_recorded_once(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold()["ticketId"]
    facts = {"ticketId": ticket, "metadata": {"a": 1}}
    first = application.publish(environment, **facts)
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    by_name = "/environments/by-name/UAT/releases"
    repeats = [
        application.publish(environment, **facts),
        application.publish(environment),
        application.publish(environment, name="V1", domain="CORE"),
        application.post(by_name, V1 | facts, **here),
    ]
    made(lock.release(ticket))
    repeats.append(application.publish(environment, **facts))
    for repeat in repeats:
        assert (repeat.status_code, repeat.json()) == (201, first.json())
    assert application.releases(environment)["totalCount"] == 1
    assert len(application.audit(environment, accessType="release")) == 1


def test_of_many_at_once_one_is_recorded(
    application: Caller, environment: Json, pool: ThreadPoolExecutor
) -> None:
    answers = pool.map(lambda _: made(application.publish(environment)), range(16))
    assert len({answer["id"] for answer in answers}) == 1
    assert application.releases(environment)["totalCount"] == 1


def test_an_application_token_publishes_in_its_own_name(
    api: Api, owner: Caller, environment: Json
) -> None:
    token = made(owner.post("/application-tokens", {"name": "train"}))["token"]
    train = api.bearing(token)
    ticket = train.lock(environment).hold()["ticketId"]
    released = made(train.publish(environment, ticketId=ticket))
    assert (released["publishedBy"], released["fence"]) == ("train", 1)
    namesake = api.caller(Role.APPLICATION, "train")
    refused(namesake.publish(environment, ticketId=ticket), 403, "NOT_YOUR_TICKET")


def test_a_repeat_with_other_facts_is_a_conflict(
    application: Caller, environment: Json
) -> None:
    made(application.publish(environment, publishedAt=TIMES[0], metadata={"a": 1}))
    others: list[Json] = [
        {"publishedAt": TIMES[1]},
        {"metadata": {"a": 2}},
        {"metadata": {}},
    ]
    for other in others:
        refused(application.publish(environment, **other), 409, "RELEASE_EXISTS")
    assert names(application, environment) == ["v1"]


def test_under_a_later_lock_it_is_deployed_once_more(
    application: Caller, environment: Json
) -> None:
    """Back to v1, since v2 did not do."""
    lock = application.lock(environment)
    for number, name in enumerate(["v1", "v2", "v1"], start=1):
        ticket = lock.hold()["ticketId"]
        released = application.publish(environment, name=name, ticketId=ticket)
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
    late = application.publish(environment, ticketId=ticket)
    refused(late, 409, "STALE_FENCE")
    assert names(application, environment) == []


def test_a_ticket_long_forgotten_is_as_stale(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    ticket = lock.hold()["ticketId"]
    first = made(application.publish(environment, ticketId=ticket))
    made(lock.release(ticket))
    for _ in range(257):
        made(lock.release(lock.ticket()))
    again = application.publish(environment, ticketId=ticket)
    assert made(again) == first
    late = application.publish(environment, ticketId=ticket, name="v2")
    refused(late, 409, "STALE_FENCE")


def test_a_ticket_that_does_not_hold_yet_is_a_conflict(
    application: Caller, environment: Json
) -> None:
    granted, queued = (application.lock(environment).ticket() for _ in range(2))
    for ticket in granted, queued:
        early = application.publish(environment, ticketId=ticket)
        refused(early, 409, "LOCK_NOT_ACQUIRED")
    made(application.lock(environment).release(queued))
    withdrawn = application.publish(environment, ticketId=queued)
    refused(withdrawn, 404, "TICKET_ENDED")


def test_nobody_publishes_with_the_ticket_of_another(
    api: Api, owner: Caller, application: Caller, environment: Json
) -> None:
    ticket = application.lock(environment).hold()["ticketId"]
    stranger = api.caller(Role.APPLICATION, unique("mallory"))
    for other in stranger, owner:
        refused(other.publish(environment, ticketId=ticket), 403, "NOT_YOUR_TICKET")
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
        strange = application.publish(environment, ticketId=ticket)
        refused(strange, 404, "TICKET_NOT_FOUND")


def test_only_applications_publish_and_members_read(
    member: Caller, environment: Json
) -> None:
    refused(member.publish(environment), 403, "FORBIDDEN")
    assert names(member, environment) == []
