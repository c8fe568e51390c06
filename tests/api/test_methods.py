"""Every route knows OPTIONS, and HEAD wherever there is GET."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.client import Caller
from tests.support.events import STREAM, following
from tests.support.running import Api, until

PARAMETER = re.compile(r"\{\w+\}")
ANY_ID = "01993c1e-0b6e-7c3a-9f10-3f4ad1a5b001"


def methods_by_path(api: Api) -> Iterator[tuple[str, set[str]]]:
    """As the API's document tells them, and as HTTP adds to them."""
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    for path, operations in document["paths"].items():
        methods = {method.upper() for method in operations}
        heads = {"HEAD"} if "GET" in methods else set()
        yield PARAMETER.sub(ANY_ID, path), methods | heads | {"OPTIONS"}


def test_options_and_a_wrong_method_tell_all_that_a_route_allows(api: Api) -> None:
    routes = dict(methods_by_path(api))
    assert len(routes) > 50
    for path, methods in routes.items():
        for method in "OPTIONS", "TRACE":
            answer = api.http.request(method, f"{api.url}{path}")
            assert answer.status_code == (204 if method == "OPTIONS" else 405), path
            assert set(answer.headers["allow"].split(", ")) == methods, path
            if method == "OPTIONS":
                assert "content-length" not in answer.headers


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_where_nothing_is_there_is_nothing_to_allow(owner: Caller, method: str) -> None:
    answer = owner.ask(method, "/nothing")
    assert (answer.status_code, "allow" in answer.headers) == (404, False)


def test_a_head_is_that_of_a_get(api: Api, owner: Caller) -> None:
    """Its length, too; and none of its body."""
    environment = owner.environment()
    identifier = quote(environment["repositoryIdentifier"], safe="")
    for path, status in {
        "/ping": 200,
        "/log/keys": 200,
        f"/environments/{environment['id']}": 200,
        f"/projects/{identifier}": 200,
        f"/environments/repository/{identifier}/audit": 200,
        f"/environments/{ANY_ID}": 404,
        "/environments?category=none": 400,
        "/environments/": 200,
        f"{api.url}/sfp/apidocs": 200,
        f"{api.url}/sfp/asyncapi.json": 200,
        f"{api.url}/metrics": 200,
    }.items():
        whole, head = (owner.ask(method, path) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (status, b""), path
        told = [
            {k: v for k, v in one.headers.items() if k != "x-request-id"}
            for one in (whole, head)
        ]
        if path.endswith(("metrics", "/audit")):  # They grow by being asked for.
            for headers in told:
                assert int(headers.pop("content-length")) > 0
        assert told[0] == told[1], path


def test_a_head_asks_who_is_there(owner: Caller, api: Api) -> None:
    path = f"/environments/{owner.environment()['id']}"
    assert api.bearing("").ask("HEAD", path).status_code == 401


def test_what_is_only_posted_to_has_no_head(owner: Caller) -> None:
    path = f"/environments/{owner.environment()['id']}/lock"
    answer = owner.ask("HEAD", path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


def test_the_head_of_a_stream_ends(owner: Caller, api: Api) -> None:
    """And nobody goes on following."""
    answer = owner.ask("HEAD", "/events", headers={"accept": STREAM})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(STREAM)
    until(lambda: following(api) == 0)


def test_a_head_is_counted_as_one(owner: Caller, api: Api) -> None:
    owner.ask("HEAD", "/health/live")
    line = (
        'berth_http_request_seconds_count{method="HEAD",'
        'route="/sfp/api/health/live",status="200"}'
    )
    assert line in api.http.get(f"{api.url}/metrics").text
