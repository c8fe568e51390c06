"""The lock over HTTP: ask, acquire, renew, give back; by id and by name."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.decider import Step
from domain.environment.environment import environment as decider
from domain.environment.lock import LEASE_SECONDS, QUEUED_MAX, ReleaseLock, RequestLock
from domain.environment.queue import ENDED_REMEMBERED_MAX
from domain.event import Actor
from domain.ids import new_id, new_ticket_id
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api, Installation


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment(salesforceUsername=owner.org())


def test_by_id_and_by_name_reach_the_same_lock(
    application: Caller, environment: Json
) -> None:
    by_id, by_name = (
        application.lock(environment),
        application.lock_by_name(environment),
    )
    first, second = by_id.ticket(reason="release 2.1"), by_name.ticket()
    held = made(by_name.acquire(first, 0))
    assert made(by_id.acquire(first, 0)) | held == held
    assert [made(look(second))["position"] for look in (by_id.look, by_name.look)] == [
        1,
        1,
    ]
    assert made(by_name.release(first)) == {"status": "released", "ticketId": first}
    assert made(by_id.acquire(second, 0))["fence"] == 2


def test_the_holder_is_told_everything_and_shown_to_everybody(
    application: Caller, member: Caller, environment: Json
) -> None:
    held = application.lock(environment).hold(
        leaseDurationMinutes=10, reason="release 2.1"
    )
    assert held == {
        "status": "acquired",
        "environmentId": environment["id"],
        "environmentName": "uat",
        "salesforceUsername": environment["salesforceUsername"],
        "sfdxAuthUrl": held["sfdxAuthUrl"],
        "accessToken": None,
        "instanceUrl": None,
        "frontDoorUrl": None,
        "ticketId": held["ticketId"],
        "fence": 1,
        "expiresAt": held["expiresAt"],
        "expiresInSeconds": 600,
    }
    assert held["sfdxAuthUrl"].startswith("force://")
    seen = member.look(environment)
    shown = seen["lockStatus"]["currentLock"]
    lock = {
        "isLocked": True,
        "currentLock": {
            "lockedBy": application.name,
            "lockReason": "release 2.1",
            "fence": held["fence"],
            "acquiredAt": shown["acquiredAt"],
            "expiresAt": held["expiresAt"],
            "expiresInSeconds": seen["lockExpiresInSeconds"],
            "ticketId": held["ticketId"],
        },
        "queuedLocks": [],
    }
    assert seen["lockStatus"] == lock
    since, over = (
        datetime.fromisoformat(at) for at in (shown["acquiredAt"], held["expiresAt"])
    )
    assert over - since == timedelta(seconds=600)
    assert seen["lockedBy"] == application.name
    assert seen["lockExpiresAt"] == held["expiresAt"]


def test_acquiring_again_is_the_same_lease_and_one_more_disclosure(
    application: Caller, owner: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    first = lock.hold()
    second = made(lock.acquire(first["ticketId"], 0))
    same = ("expiresAt", "fence", "sfdxAuthUrl", "ticketId")
    assert [first[key] for key in same] == [second[key] for key in same]
    disclosed = owner.audit(environment, accessType="credentials")
    assert [record["access_details"]["fence"] for record in disclosed] == [1, 1]


@pytest.mark.parametrize("role", Role)
def test_another_s_ticket_is_neither_acquired_nor_renewed(
    api: Api, application: Caller, environment: Json, role: Role
) -> None:
    ticket = application.lock(environment).hold()["ticketId"]
    stranger = api.caller(role).lock(environment)
    code = "FORBIDDEN" if role is Role.MEMBER else "NOT_YOUR_TICKET"
    refused(stranger.acquire(ticket, 0), 403, code)
    refused(stranger.renew(ticket), 403, code)
    if role is not Role.OWNER:
        refused(stranger.release(ticket), 403, code)


def test_a_stranger_may_look_but_sees_no_credential(
    application: Caller, member: Caller, environment: Json
) -> None:
    held = application.lock(environment).hold()
    seen = made(member.lock(environment).look(held["ticketId"]))
    assert seen["status"] == "acquired"
    assert held["sfdxAuthUrl"] not in str(seen)


def test_an_owner_forces_a_release_and_the_audit_says_so(
    application: Caller, owner: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    held, waiting = lock.hold(), lock.ticket()
    for ticket, status in (waiting, "withdrawn"), (held["ticketId"], "released"):
        assert made(owner.lock(environment).release(ticket))["status"] == status
    ends = [
        record
        for record in owner.audit(environment, accessType="lock")
        if record["access_details"].get("forced")
    ]
    assert [record["accessed_by"] for record in ends] == [owner.name, owner.name]
    refused(lock.renew(held["ticketId"]), 410, "LEASE_OVER")


def test_releasing_twice_is_once(application: Caller, environment: Json) -> None:
    lock = application.lock(environment)
    first, second = lock.hold()["ticketId"], lock.ticket()
    for _ in range(2):
        assert made(lock.release(first))["status"] == "released"
    assert made(lock.look(second))["status"] == "granted"
    for _ in range(2):
        assert made(lock.release(second))["status"] == "released"
    refused(lock.acquire(second, 0), 404, "TICKET_ENDED")


def test_a_renewal_extends_from_now_and_never_shortens(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    held = lock.hold(leaseDurationSeconds=600)
    ticket = held["ticketId"]
    longer = made(lock.renew(ticket, leaseDurationMinutes=20))
    assert longer["fence"] == held["fence"]
    gained = instant(longer["expiresAt"]) - instant(held["expiresAt"])
    assert 600 <= gained.total_seconds() < 660
    assert made(lock.renew(ticket, leaseDurationSeconds=1)) | longer == longer


def test_a_ticket_that_waits_cannot_be_renewed(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    lock.hold()
    refused(lock.renew(lock.ticket()), 409, "LOCK_NOT_ACQUIRED")


def test_a_lease_is_an_hour_unless_something_else_is_asked_for(
    application: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    bodies: list[Json | None] = [{}, None]
    for body in bodies:
        answer = application.ask("POST", lock.path, body, **lock.query)
        seen = made(lock.look(made(answer)["ticketId"]))
        assert seen["leaseDurationSeconds"] == LEASE_SECONDS


def test_an_unknown_ticket_and_a_strange_repository_are_not_found(
    application: Caller, owner: Caller, environment: Json
) -> None:
    lock = application.lock(environment)
    elsewhere = application.lock(owner.environment())
    ticket = elsewhere.ticket()
    for unknown in ticket, new_ticket_id(), "ticket_none":
        for ask in lock.acquire, lock.renew, lock.release, lock.look:
            refused(ask(unknown), 404, "TICKET_NOT_FOUND")
    strange = application.lock(environment | {"repositoryName": "another"})
    refused(strange.request(), 404, "ENVIRONMENT_NOT_FOUND")
    known = lock.ticket()
    for ask in strange.acquire, strange.renew, strange.release, strange.look:
        refused(ask(known), 404, "ENVIRONMENT_NOT_FOUND")
    nowhere = environment | {"id": new_id()}
    refused(application.lock(nowhere).request(), 404, "ENVIRONMENT_NOT_FOUND")


def test_the_repository_may_be_named_in_full_or_by_its_last_part(
    application: Caller, environment: Json
) -> None:
    whole = environment["repositoryIdentifier"]
    for name in whole, whole.upper(), environment["repositoryName"]:
        lock = application.lock(environment | {"repositoryName": name})
        ticket = lock.ticket()
        assert made(lock.look(ticket))["ticketId"] == ticket


def test_tickets_long_past_are_still_known(
    api: Api,
    application: Caller,
    owner: Caller,
    environment: Json,
    installation: Installation,
) -> None:
    """Also those which the environment itself has forgotten."""
    lock = application.lock(environment)
    ticket = lock.hold()["ticketId"]
    made(lock.release(ticket))
    crowd = Actor("crowd", Role.APPLICATION)
    later = [new_ticket_id() for _ in range(ENDED_REMEMBERED_MAX + 1)]
    kinds = RequestLock, ReleaseLock
    steps = [(kind(by=crowd, ticket_id=one)) for one in later for kind in kinds]
    installation.decide(*[Step(decider, environment["id"], step) for step in steps])

    assert made(lock.look(ticket))["status"] == "released"
    assert made(lock.release(ticket)) == {"status": "released", "ticketId": ticket}
    refused(lock.renew(ticket), 410, "LEASE_OVER")
    refused(lock.acquire(ticket, 0), 404)
    assert made(owner.lock(environment).release(ticket))["status"] == "released"
    refused(api.caller(Role.APPLICATION).lock(environment).release(ticket), 403)


def test_a_queue_of_a_thousand_is_full(
    application: Caller, environment: Json, installation: Installation
) -> None:
    lock = application.lock(environment)
    held = lock.hold()["ticketId"]
    crowd = Actor("crowd", Role.APPLICATION)
    tickets = [new_ticket_id() for _ in range(QUEUED_MAX)]
    steps = [RequestLock(by=crowd, ticket_id=ticket) for ticket in tickets]
    installation.decide(*[Step(decider, environment["id"], step) for step in steps])

    full = lock.request()
    refused(full, 429, "QUEUE_FULL")
    assert full.headers["retry-after"] == "5"
    queue = application.look(environment)["lockStatus"]["queuedLocks"]
    assert [place["ticketId"] for place in queue] == tickets
    assert [place["position"] for place in queue] == list(range(1, QUEUED_MAX + 1))
    made(lock.release(held))
    assert lock.request().status_code == 201


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
