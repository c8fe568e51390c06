"""Long polls: a ticket waits its turn, and keeps its place whatever its owner does."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest

from api.patience import wait_seconds
from domain.roles import Role
from tests.support.client import Caller, Json, Lock, made, refused, unique
from tests.support.running import HOST, Api, Installation, until

ENDED = """
SELECT state FROM berth_events
WHERE originator_id = %s AND topic = 'lock.expired'
"""


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment(salesforceUsername=owner.org())


@pytest.fixture
def holder(owner: Caller, environment: Json) -> Lock:
    return owner.lock(environment)


def test_waiting_in_vain_is_a_408_that_tells_the_place(
    application: Caller, holder: Lock, environment: Json
) -> None:
    holder.hold(leaseDurationSeconds=100)
    lock = application.lock(environment)
    first, second = lock.ticket(leaseDurationSeconds=50), lock.ticket()
    for ticket, position, wait in (first, 1, 100), (second, 2, 150):
        answer = lock.acquire(ticket, 1)
        assert answer.status_code == 408
        assert answer.headers["retry-after"] == "1"
        told = answer.json()
        assert wait - 5 <= told.pop("estimatedWaitSeconds") <= wait
        # Nobody has held this lock before: see test_holds.py for when they have.
        assert told.pop("estimatedWaitP50Seconds") is None
        assert told.pop("estimatedWaitP90Seconds") is None
        assert told == {
            "statusCode": 408,
            "error": "Request Timeout",
            "message": told["message"],
            "code": "LOCK_WAIT_TIMEOUT",
            "requestId": answer.headers["x-request-id"],
            "status": "queued",
            "ticketId": ticket,
            "position": position,
        }
        seen = made(lock.look(ticket))
        assert (seen["status"], seen["position"]) == ("queued", position)
        assert wait - 5 <= seen["estimatedWaitSeconds"] <= wait


def test_the_time_to_wait_may_be_in_the_body_but_not_in_both(
    application: Caller, holder: Lock, environment: Json
) -> None:
    holder.hold()
    lock = application.lock(environment)
    path = f"{lock.path}/{lock.ticket()}/acquire"
    body = {"timeoutSeconds": 0}
    assert application.ask("PUT", path, body, **lock.query).status_code == 408
    both = application.ask("PUT", path, body, **lock.query, timeoutSeconds=0)
    assert both.status_code == 400
    assert both.json()["field"] == "timeoutSeconds"


@pytest.mark.parametrize("seconds", ["301", "1800", "1e3", "1e308", "9" * 30])
def test_who_would_wait_for_longer_waits_as_long_as_it_may(
    application: Caller, environment: Json, seconds: str
) -> None:
    body = f'{{"timeoutSeconds": {seconds}}}'.encode()
    for lock in application.lock(environment), application.lock_by_name(environment):
        ticket = lock.ticket()
        path = f"{lock.path}/{ticket}/acquire"
        in_query = lock.query | {"timeoutSeconds": seconds}
        for sent, query in (None, in_query), (body, lock.query), (body, in_query):
            answer = application.ask("PUT", path, sent, **query)
            if sent and query is in_query:
                assert refused(answer, 400)["field"] == "timeoutSeconds"
            else:
                assert made(answer)["ticketId"] == ticket
        made(lock.release(ticket))


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(None, 30), (0, 0), (299, 299), (300, 300), (301, 300), (1e308, 300)],
)
def test_the_wait_is_300_seconds_at_most(asked: float | None, waits: float) -> None:
    assert wait_seconds(asked, None) == waits
    assert wait_seconds(None, asked) == waits


def test_no_most_is_published_but_in_words(api: Api) -> None:
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    body = document["components"]["schemas"]["AcquireBody"]["properties"]
    [in_body, _] = body["timeoutSeconds"]["anyOf"]
    in_queries = [
        parameter["schema"]
        for path in document["paths"].values()
        for parameter in path.get("put", {}).get("parameters", ())
        if parameter["name"] == "timeoutSeconds"
    ]
    assert in_queries == [in_body] * 2
    told = in_body.pop("description")
    assert in_body == {"type": "integer", "minimum": 0}
    assert "300 at most" in told


def test_who_waits_is_answered_when_the_holder_releases(
    api: Api,
    application: Caller,
    holder: Lock,
    environment: Json,
    pool: ThreadPoolExecutor,
) -> None:
    """First come, first served: the second goes on waiting."""
    held = holder.hold()
    lock = application.lock(environment)
    first, second = lock.ticket(), lock.ticket()
    waiting = (
        pool.submit(lock.acquire, second, 30),
        pool.submit(lock.acquire, first, 30),
    )
    until(lambda: api.waiting == 2)
    made(holder.release(held["ticketId"]))
    assert made(waiting[1].result(5))["fence"] == held["fence"] + 1
    assert not waiting[0].done()
    made(lock.release(first))
    assert made(waiting[0].result(5))["fence"] == held["fence"] + 2


def test_who_waits_with_a_withdrawn_ticket_is_sent_home(
    api: Api,
    application: Caller,
    holder: Lock,
    environment: Json,
    pool: ThreadPoolExecutor,
) -> None:
    holder.hold()
    lock = application.lock(environment)
    ticket = lock.ticket()
    waiting = pool.submit(lock.acquire, ticket, 30)
    until(lambda: api.waiting == 1)
    made(holder.release(ticket))
    answer = waiting.result(5)
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_ENDED")


def test_a_client_that_goes_away_keeps_its_place_and_starts_no_lease(
    api: Api, application: Caller, holder: Lock, environment: Json
) -> None:
    held = holder.hold()
    lock = application.lock(environment)
    ticket, behind = lock.ticket(), lock.ticket()
    with socket.create_connection((HOST, api.port)) as connection:
        connection.sendall(acquire_request(lock, ticket))
        until(lambda: api.waiting == 1)
    until(lambda: api.waiting == 0)
    made(holder.release(held["ticketId"]))
    seen = made(lock.look(ticket))
    assert seen["status"] == "granted"  # Its to claim within the window, not acquired.
    assert seen["expiresInSeconds"] <= environment["claimWindowSeconds"]
    assert made(lock.look(behind))["position"] == 1
    assert made(lock.acquire(ticket, 0))["expiresInSeconds"] > 3_000


def test_a_lease_that_ends_while_somebody_waits_is_theirs(
    application: Caller, holder: Lock, environment: Json
) -> None:
    """No worker runs here: the process where they wait looks at the time itself."""
    held = holder.hold(leaseDurationSeconds=1)
    lock = application.lock(environment)
    taken = made(lock.acquire(lock.ticket(), 10))
    began = instant(taken["expiresAt"]) - timedelta(hours=1)
    assert began >= instant(held["expiresAt"])
    assert taken["fence"] == held["fence"] + 1


def test_a_lease_passes_on_though_nobody_calls(
    application: Caller, holder: Lock, environment: Json, installation: Installation
) -> None:
    with installation.worker():
        held = holder.hold(leaseDurationSeconds=1)
        application.lock(environment).ticket()
        until(lambda: bool(installation.query(ENDED, environment["id"])))
    [row] = installation.query(ENDED, environment["id"])
    expired = json.loads(row["state"])["origin"]["at"]
    assert instant(expired) >= instant(held["expiresAt"])


def test_a_grant_that_nobody_claims_goes_to_the_next(
    api: Api, owner: Caller, application: Caller
) -> None:
    environment = owner.environment(claimWindowSeconds=1)
    holder, lock = owner.lock(environment), application.lock(environment)
    held = holder.hold()
    absent = api.caller(Role.APPLICATION).lock(environment).ticket()
    ticket = lock.ticket()
    made(holder.release(held["ticketId"]))
    assert made(lock.acquire(ticket, 10))["fence"] == held["fence"] + 2
    assert made(lock.look(absent))["status"] == "expired"


def test_a_ticket_waits_no_longer_than_it_said(
    application: Caller, holder: Lock, environment: Json
) -> None:
    holder.hold()
    lock = application.lock(environment)
    answer = lock.acquire(lock.ticket(maxWaitSeconds=1), 10)
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_ENDED")


def acquire_request(lock: Lock, ticket: str) -> bytes:
    target = f"/sfp/api{lock.path}/{ticket}/acquire?{urlencode(lock.query)}"
    return (
        f"PUT {target} HTTP/1.1\r\nHost: {HOST}\r\nX-Request-Id: {unique('gone')}\r\n"
        f"Authorization: Bearer {lock.caller.token}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
