"""Application tokens: shown once, listed without, revoked at once and everywhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.decider import Step
from domain.event import system
from domain.ids import new_id
from domain.roles import Role
from domain.token import IssueToken, digest, stream_of, token, token_of
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api, Installation, until
from tests.support.tasks import submitted


def test_a_token_is_shown_once_and_kept_as_a_hash(
    owner: Caller, installation: Installation
) -> None:
    issued = issue(owner, expiresIn=90)
    assert issued["token"].startswith(f"sfp_at_{issued['id']}_")
    [listed] = [t for t in owner.get("/application-tokens").json() if is_it(t, issued)]
    assert listed == {
        "id": issued["id"],
        "name": issued["name"],
        "createdBy": owner.name,
        "createdAt": listed["createdAt"],
        "expiresAt": issued["expiresAt"],
    }
    secret = issued["token"].removeprefix(f"sfp_at_{issued['id']}_")
    [row] = installation.query(
        "SELECT convert_from(state, 'UTF8') AS text FROM berth_events"
        " WHERE originator_id = %s",
        stream_of(issued["id"]),
    )
    assert digest(secret) in row["text"]
    assert secret not in row["text"]


def test_its_bearer_has_the_role_application(api: Api, owner: Caller) -> None:
    environment = owner.environment()
    bearer = api.bearing(issue(owner, name="ci")["token"])
    assert bearer.lock(environment).hold()["status"] == "acquired"
    refused(bearer.get("/application-tokens"), 403)
    status = owner.look(environment)["lockStatus"]
    assert status["currentLock"]["lockedBy"] == "ci"


def test_two_tokens_of_one_application_are_one_caller(api: Api, owner: Caller) -> None:
    environment, name = owner.environment(), unique("ci")
    one, other = (api.bearing(issue(owner, name=name)["token"]) for _ in range(2))
    held = one.lock(environment).hold()
    assert made(other.lock(environment).release(held["ticketId"]))
    person = owner.lock(environment)
    assert person.hold()["fence"] == 2


def test_a_person_of_the_same_name_is_somebody_else(api: Api, owner: Caller) -> None:
    environment, name = owner.environment(), unique("ci")
    bearer = api.bearing(issue(owner, name=name)["token"])
    ticket = bearer.lock(environment).hold()["ticketId"]
    person = api.caller(Role.APPLICATION, name).lock(environment)
    refused(person.acquire(ticket), 403, "NOT_YOUR_TICKET")


def test_a_revoked_token_is_good_for_nothing_in_any_process(
    api: Api, other_api: Api, owner: Caller
) -> None:
    issued = issue(owner)
    bearers = [process.bearing(issued["token"]) for process in (api, other_api)]
    for bearer in bearers:
        made(bearer.get("/environments"))  # Each process knows it from now on.
    assert owner.delete(f"/application-tokens/{issued['id']}").status_code == 204
    for bearer in bearers:
        refused(bearer.get("/environments"), 401, "UNAUTHENTICATED")
    assert not [t for t in owner.get("/application-tokens").json() if is_it(t, issued)]
    again = owner.delete(f"/application-tokens/{issued['id']}")
    refused(again, 404, "TOKEN_NOT_FOUND")


def test_a_token_revoked_while_its_bearer_waits_elsewhere_gets_no_lock(
    other_api: Api, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    environment = owner.environment(salesforceUsername=owner.org())
    held = owner.lock(environment).hold()
    issued = issue(owner)
    lock = other_api.bearing(issued["token"]).lock(environment)
    ticket = lock.ticket()
    waiting = pool.submit(lock.acquire, ticket, 20)
    until(lambda: other_api.waiting == 1)
    assert owner.delete(f"/application-tokens/{issued['id']}").status_code == 204
    made(owner.lock(environment).release(held["ticketId"]))
    refused(waiting.result(), 401, "UNAUTHENTICATED")
    assert made(owner.lock(environment).look(ticket))["status"] == "granted"


def test_a_token_revoked_while_its_bearer_waits_is_told_nothing_of_a_task(
    api: Api, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    """Not even that it has not ended."""
    issued = issue(owner)
    bearer = api.bearing(issued["token"])
    operation = submitted(bearer)
    waiting = pool.submit(bearer.get, f"/tasks/{operation}/result", wait=3)
    until(lambda: api.waiting == 1)
    assert owner.delete(f"/application-tokens/{issued['id']}").is_success
    refused(waiting.result(30), 401, "UNAUTHENTICATED")


def test_an_expired_token_is_good_for_nothing(
    api: Api, installation: Installation
) -> None:
    token_id, secret = new_id().replace("-", ""), "A" * 43
    command = IssueToken(
        by=system("test"), name="late", secret_sha256=digest(secret), days=-1
    )
    installation.decide(Step(token, stream_of(token_id), command, fresh=True))
    refused(
        api.bearing(token_of(token_id, secret)).get("/environments"),
        401,
        "UNAUTHENTICATED",
    )


@pytest.mark.parametrize(
    "forge",
    [
        lambda real: real[:-1] + ("A" if real[-1] != "A" else "B"),
        lambda real: real + "A",
        lambda real: real.upper(),
        lambda real: real.replace("sfp_at_", "sfp_at_" + "0" * 32 + "_"),
        lambda _: "sfp_at_",
        lambda _: "sfp_at_" + "f" * 32 + "_" + "A" * 43,
    ],
)
def test_a_token_that_is_almost_right_is_wrong(
    api: Api, owner: Caller, forge: Callable[[str], str]
) -> None:
    forged = forge(issue(owner)["token"])
    refused(api.bearing(forged).get("/environments"), 401, "UNAUTHENTICATED")


def issue(owner: Caller, **details: object) -> Json:
    name = {"name": unique("ci")}
    return made(owner.post("/application-tokens", name | details))


def is_it(listed: Json, issued: Json) -> bool:
    return bool(listed["id"] == issued["id"])
