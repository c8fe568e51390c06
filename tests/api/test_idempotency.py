"""Idempotency-Key: a POST that is sent again is answered as it was, and done once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from httpx2 import Response

from api.idempotency import KEPT_BYTES_MAX
from api.requests import BODY_BYTES_MAX
from domain.ids import new_id
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api, Installation, until

NAME = "Idempotency-Key"
NO_BRACES = str.maketrans("", "", "{}")


def post(
    caller: Caller, path: str, body: Any = None, *, key: str, **query: Any
) -> Response:
    return caller.ask("POST", path, body, headers={NAME: key}, **query)


def lock(caller: Caller, environment: Json, key: str, **body: Any) -> Response:
    query = {"repositoryName": environment["repositoryName"]}
    path = f"/environments/{environment['id']}/lock"
    return post(caller, path, body or None, key=key, **query)


def is_the_same(answer: Response, first: Response) -> bool:
    return (
        answer.status_code == first.status_code
        and answer.content == first.content
        and answer.headers["content-type"] == first.headers["content-type"]
        and answer.headers["idempotent-replayed"] == "true"
        and answer.headers["x-request-id"] != first.headers["x-request-id"]
        and "idempotent-replayed" not in first.headers
    )


@pytest.fixture
def key() -> str:
    return unique("key")


def test_the_same_request_again_is_the_same_ticket(
    api: Api, other_api: Api, application: Caller, owner: Caller, key: str
) -> None:
    environment = owner.environment()
    first = lock(application, environment, key, reason="a")
    assert first.is_success
    there = other_api.caller(Role.APPLICATION, application.name)
    for caller in (application, there, api.caller(Role.APPLICATION, application.name)):
        assert is_the_same(lock(caller, environment, key, reason="a"), first)
    assert owner.look(environment)["lockStatus"]["queuedLocks"] == []


def test_it_outlives_the_process_that_answered(
    installation: Installation, owner: Caller, key: str
) -> None:
    environment = owner.environment()
    with installation.api("short-lived-api") as process:
        first = lock(process.caller(Role.OWNER, owner.name), environment, key)
    with installation.api("short-lived-api") as process:
        again = lock(process.caller(Role.OWNER, owner.name), environment, key)
    assert is_the_same(again, first)


def test_every_post_can_be_sent_again(owner: Caller) -> None:
    name = unique("acme/shop")
    project = {"identifier": name, "remoteUrl": "https://github.com/acme/shop"}
    environment = {"repositoryIdentifier": name, "name": "uat", "category": "dev"}
    org = {
        "username": unique("a@b.example"),
        "sfdxAuthUrl": "force://a::b@c.my.salesforce.com",
    }
    for path, body in (
        ("/projects", project),
        ("/environments", environment),
        ("/auth/salesforce/register", org),
        ("/application-tokens", {"name": "ci"}),
    ):
        key = unique("key")
        first = post(owner, path, body, key=key)
        assert first.is_success, first.text
        assert is_the_same(post(owner, path, body, key=key), first)


def test_another_key_is_another_request(owner: Caller) -> None:
    environment = owner.environment()
    tickets = [made(lock(owner, environment, unique("key"))) for _ in range(2)]
    assert tickets[0] != tickets[1]


def test_one_key_of_two_callers_is_two_keys(
    api: Api, owner: Caller, application: Caller, key: str
) -> None:
    environment = owner.environment()
    tickets = {
        made(lock(caller, environment, key))["ticketId"]
        for caller in (owner, application, api.caller(Role.APPLICATION, owner.name))
    }
    assert len(tickets) == 3


def test_a_key_is_not_good_for_another_request(owner: Caller, key: str) -> None:
    environment, other = owner.environment(), owner.environment()
    first = lock(owner, environment, key, reason="a")
    for answer in (
        lock(owner, environment, key, reason="b"),
        lock(owner, environment, key),
        lock(owner, other, key, reason="a"),
        post(owner, "/projects", {"reason": "a"}, key=key),
        post(owner, f"/environments/{environment['id']}/lock", {}, key=key),
    ):
        refused(answer, 409, "IDEMPOTENCY_KEY_REUSED")
    assert is_the_same(lock(owner, environment, key, reason="a"), first)


def test_many_at_once_are_one(
    api: Api, other_api: Api, owner: Caller, key: str, pool: ThreadPoolExecutor
) -> None:
    environment = owner.environment()
    callers = [process.caller(Role.OWNER, owner.name) for process in (api, other_api)]
    asking = [pool.submit(lock, c, environment, key) for c in callers * 20]
    answers = [asked.result() for asked in asking]
    tickets = {made(a)["ticketId"] for a in answers if a.is_success}
    assert len(tickets) == 1
    for answer in answers:
        if not answer.is_success:
            refused(answer, 409, "IDEMPOTENCY_KEY_IN_USE")
            assert answer.headers["retry-after"] == "1"
    assert owner.look(environment)["lockStatus"]["queuedLocks"] == []


@pytest.mark.parametrize(
    "bad", ["", "a b", "a\tb", "x" * 256, "schlüssel".encode(), b"\xff"]
)
def test_a_key_is_visible_ascii(owner: Caller, bad: Any) -> None:
    environment = owner.environment()
    body = refused(lock(owner, environment, bad), 400, "INVALID")
    assert body["field"] == NAME
    assert not owner.look(environment)["isLocked"]


@pytest.mark.parametrize("good", ["!", "~" * 255, '"8e03978e-40d5-43dd-bc93"'])
def test_a_key_may_be_any_visible_ascii(owner: Caller, good: str) -> None:
    environment = owner.environment()
    first = lock(owner, environment, good)
    assert is_the_same(lock(owner, environment, good), first)


def test_two_keys_are_no_key(api: Api, owner: Caller) -> None:
    environment = owner.environment()
    path = f"{api.url}/sfp/api/environments/{environment['id']}/lock?repositoryName=a"
    bearer = ("authorization", f"Bearer {owner.token}")
    headers = [bearer, (NAME, "a"), (NAME, "b")]
    body = refused(api.http.post(path, headers=headers), 400, "INVALID")
    assert body["field"] == NAME


def test_a_refusal_is_an_answer_too(
    owner: Caller, application: Caller, key: str
) -> None:
    name = unique("acme/shop")
    body = {"repositoryIdentifier": name, "name": "uat", "category": "dev"}
    first = post(owner, "/environments", body, key=key)
    refused(first, 404, "REPOSITORY_NOT_FOUND")
    made(owner.post("/projects", {"identifier": name, "remoteUrl": "https://a.b"}))
    assert is_the_same(post(owner, "/environments", body, key=key), first)
    made(post(owner, "/environments", body, key=unique("key")))
    forbidden = post(application, "/projects", {}, key=key)
    refused(forbidden, 403, "FORBIDDEN")
    assert is_the_same(post(application, "/projects", {}, key=key), forbidden)


def test_a_secret_that_is_shown_once_is_shown_once_more_to_the_same_request(
    api: Api, owner: Caller, key: str, installation: Installation
) -> None:
    first = post(owner, "/application-tokens", {"name": "ci"}, key=key)
    token = made(first)["token"]
    assert is_the_same(
        post(owner, "/application-tokens", {"name": "ci"}, key=key), first
    )
    assert api.bearing(token).get("/environments").is_success
    secret = token[-43:]  # It may have a _ of its own.
    for row in installation.query(
        "SELECT row_to_json(idempotent_request)::text AS text,"
        " encode(sealed, 'escape') AS sealed FROM idempotent_request"
    ):
        assert secret not in row["text"] + row["sealed"]
        assert key not in row["text"]
        assert owner.name not in row["text"]


def test_who_is_not_known_has_no_keys(api: Api, owner: Caller, key: str) -> None:
    environment = owner.environment()
    for token in ("", "garbage", "sfp_at_" + "0" * 32 + "_" + "A" * 43):
        refused(lock(api.bearing(token), environment, key), 401, "UNAUTHENTICATED")
    assert made(lock(owner, environment, key))


def test_a_revoked_token_is_not_told_its_old_answers(
    api: Api, owner: Caller, key: str
) -> None:
    environment = owner.environment()
    issued = made(owner.post("/application-tokens", {"name": "ci"}))
    bearer = api.bearing(issued["token"])
    made(lock(bearer, environment, key))
    assert owner.delete(f"/application-tokens/{issued['id']}").status_code == 204
    refused(lock(bearer, environment, key), 401, "UNAUTHENTICATED")


def test_a_body_too_large_is_refused_with_a_key_too(owner: Caller, key: str) -> None:
    environment = owner.environment()
    body = b" " * (BODY_BYTES_MAX + 1)
    query = {"repositoryName": environment["repositoryName"]}
    path = f"/environments/{environment['id']}/lock"
    refused(post(owner, path, body, key=key, **query), 413)
    assert BODY_BYTES_MAX < KEPT_BYTES_MAX


def test_other_methods_and_unknown_routes_do_not_mind_a_key(
    owner: Caller, key: str
) -> None:
    headers = {NAME: key}
    assert owner.ask("GET", "/environments", headers=headers).is_success
    for _ in range(2):
        assert post(owner, "/nowhere", key=key).status_code == 404
    refused(post(owner, "/ping", key=unique("key")), 405)


def test_each_request_is_one_note_in_the_journal(
    owner: Caller, key: str, installation: Installation
) -> None:
    environment = owner.environment()
    for _ in range(3):
        ticket = made(lock(owner, environment, key))["ticketId"]
    topics = installation.query(
        "SELECT topic FROM berth_events WHERE originator_id = %s"
        " AND convert_from(state, 'UTF8') LIKE %s ORDER BY originator_version",
        environment["id"],
        f"%{ticket}%",
    )
    assert [row["topic"] for row in topics] == ["lock.requested", "lock.granted"]


def test_a_worker_forgets_what_is_over_a_day_old(
    installation: Installation, owner: Caller, key: str
) -> None:
    environment = owner.environment()
    first = made(lock(owner, environment, key))
    with psycopg.connect(installation.settings.database_url) as connection:
        connection.execute(
            "UPDATE idempotent_request SET created_at = created_at - interval '25 h'"
        )
    left = "SELECT FROM idempotent_request"
    with installation.worker():
        until(lambda: not installation.query(left))
    assert made(lock(owner, environment, key)) != first


def test_the_api_document_tells_of_it(api: Api) -> None:
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            headers = {p["name"] for p in operation.get("parameters", ())}
            assert (NAME in headers) is (method == "post"), (method, path)
            if method == "post":  # What comes with a key is read, wanted or not.
                assert "413" in operation["responses"], path


def test_what_comes_with_a_key_is_not_too_large(owner: Caller, key: str) -> None:
    path = f"/tasks/{new_id()}/stop-recurring"
    large = b" " * 300_000
    refused(owner.ask("POST", path, large, headers={NAME: key}), 413)
    refused(owner.ask("POST", path, large), 404, "TASK_NOT_FOUND")


def test_a_member_s_key_takes_no_room_from_those_of_others(
    api: Api, member: Caller, key: str
) -> None:
    """No POST is open to him."""
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    paths = [path for path, item in document["paths"].items() if "post" in item]
    assert len(paths) > 10
    for path in paths:
        for _ in range(2):
            route = path.removeprefix("/sfp/api").translate(NO_BRACES)
            answer = post(member, route, {}, key=key)
            refused(answer, 403, "FORBIDDEN")
            assert "idempotent-replayed" not in answer.headers
