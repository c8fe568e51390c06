"""Anything may be sent: the answer is never a 5xx, and every refusal has its shape."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.roles import Role
from tests.api.bad_input import ROUTES
from tests.support.client import REFUSAL, Caller, Json
from tests.support.running import Api

FIELDS = sorted(
    {field for route in ROUTES.values() for field in (*route.good, *route.bad)}
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["dev", "test", "acme/shop", "force://a::b@c", "https://a.b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6) | VALUES
PARTS = st.text(min_size=1, max_size=20) | st.sampled_from(["by-name", "lock", "a/b"])
QUERIES = st.dictionaries(
    st.sampled_from(
        (
            "accessType", "authType", "branch", "category", "domain", "forceRefresh",
            "includeInactive", "isActive", "limit", "offset", "redirect", "retURL",
            "repositoryIdentifier", "repositoryName", "tags", "timeoutSeconds",
            "username",
        )
    ),
    st.text(max_size=10) | st.integers().map(str) | st.booleans().map(str),
    max_size=4,
)  # fmt: skip

FUZZ = settings(max_examples=100)


@pytest.fixture(scope="module")
def anybody(api: Api) -> Caller:
    return api.caller(Role.OWNER)


@pytest.fixture(scope="module")
def environment(anybody: Caller) -> Json:
    created = anybody.environment()
    ticket = anybody.lock(created).hold()["ticketId"]
    return created | {"ticket": ticket, "repository": created["repositoryIdentifier"]}


@FUZZ
@given(name=st.sampled_from(list(ROUTES)), body=BODIES, is_near=st.booleans())
def test_any_body(
    anybody: Caller, environment: Json, name: str, body: Any, is_near: bool
) -> None:
    """`is_near`: as good a body as the route would take, but for what is given."""
    route = ROUTES[name]
    if is_near and isinstance(body, dict):
        known = {key: value.strip('"') for key, value in route.good.items()}
        body = known | {key: body[key] for key in body if key in route.bad}
    check(anybody.ask(route.method, route.path.format_map(environment), body))


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    start=st.sampled_from(
        ["environments", "projects", "application-tokens", "auth/salesforce"]
    ),
    parts=st.lists(PARTS, max_size=5),
    query=QUERIES,
)
def test_any_path_and_query(
    anybody: Caller, method: str, start: str, parts: list[str], query: dict[str, Any]
) -> None:
    path = "/".join(["", start, *(quote(part, safe="/") for part in parts)])
    check(anybody.ask(method, path, **query))


@FUZZ
@given(
    path=st.sampled_from(
        (
            "", "/{id}", "/{id}/audit", "/{id}/frontdoor", "/{id}/artifacts",
            "/{id}/releases", "/by-name/{name}", "/by-name/{name}/artifacts",
            "/by-name/{name}/releases", "/orchestration-order",
            "/repository/{repository}/audit",
        )
    ),
    query=QUERIES,
)  # fmt: skip
def test_any_query_of_a_route_that_is_there(
    anybody: Caller, environment: Json, path: str, query: dict[str, Any]
) -> None:
    check(anybody.get(f"/environments{path}".format_map(environment), **query))


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if not answer.is_success:
        assert answer.json().keys() - {"field"} == REFUSAL
