"""One shape for every refusal, one request id for every answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from httpx2 import Response

from domain.ids import new_id, parse_id
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api, Installation, until

NOWHERE = f"/environments/{new_id()}"
REFUSALS: dict[int, Callable[[Caller, Json], Response]] = {
    400: lambda owner, _: owner.get("/environments/1"),
    401: lambda owner, _: owner.get(NOWHERE),
    403: lambda owner, _: owner.get("/application-tokens"),
    404: lambda owner, _: owner.get(NOWHERE),
    405: lambda owner, _: owner.ask("PUT", "/environments"),
    409: lambda owner, there: owner.post("/environments", there),
    413: lambda owner, _: owner.post("/projects", b" " * 300_000),
    415: lambda owner, _: owner.ask(
        "POST", "/projects", b"a", headers={"content-type": "text/plain"}
    ),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_every_refusal_has_one_shape(api: Api, owner: Caller, status: int) -> None:
    """The rest of them are met in the other tests, and checked by `refused` there."""
    there = {"repositoryIdentifier": owner.repository(), "name": "a", "category": "dev"}
    made(owner.post("/environments", there))
    callers = {401: api.bearing(""), 403: api.caller(Role.MEMBER)}
    answer = REFUSALS[status](callers.get(status, owner), there)
    refused(answer, status)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/nothing", "/environments/a/b/c", "/../etc/passwd", "", "/Environments"]
)
def test_a_route_that_is_not_there_is_not_found(owner: Caller, path: str) -> None:
    refused(owner.get(path), 404, "NOT_FOUND")


def test_whoever_opens_the_server_is_told_where_its_routes_are(api: Api) -> None:
    for path in "", "/", "/sfp/api", "/login":
        answer = api.http.get(f"{api.url}{path}")
        refused(answer, 404, "NOT_FOUND")
        assert "/sfp/apidocs" in answer.json()["message"]


def test_a_method_that_is_not_there_tells_those_that_are(owner: Caller) -> None:
    answer = owner.ask("PUT", "/environments")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


def test_a_request_id_is_echoed(owner: Caller) -> None:
    for path, status in ("/ping", 200), ("/environments/1", 400), ("/nothing", 404):
        answer = owner.ask("GET", path, headers={"x-request-id": "build/7:deploy"})
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "build/7:deploy"


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\tb", "<script>"])
def test_an_indecent_request_id_is_replaced(owner: Caller, given: str | None) -> None:
    headers = {} if given is None else {"x-request-id": given}
    answers = [owner.ask("GET", "/ping", headers=headers) for _ in range(2)]
    made_up = [answer.headers["x-request-id"] for answer in answers]
    assert all(parse_id(one, "id") == one for one in made_up)
    assert made_up[0] != made_up[1]


def test_a_process_that_stops_sends_home_who_waits(
    owner: Caller, installation: Installation, pool: ThreadPoolExecutor
) -> None:
    environment = owner.environment()
    owner.lock(environment).hold()
    with installation.api("leaving-api") as leaving:
        waiter = leaving.caller(Role.OWNER)
        ticket = waiter.lock(environment).ticket()
        waiting = pool.submit(waiter.lock(environment).acquire, ticket, 60)
        until(lambda: leaving.waiting == 1)
    answer = waiting.result(5)
    refused(answer, 503, "STOPPING")
    assert answer.headers["retry-after"] == "1"
    assert made(owner.lock(environment).look(ticket))["position"] == 1
