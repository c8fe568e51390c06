"""Every route asks who is calling: the table of routes, roles and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Litestar

from api.app import build
from domain.ids import new_id, new_ticket_id
from domain.roles import Role
from tests.support.client import refused
from tests.support.running import SECRET, Api

MEMBER, APPLICATION, OWNER = Role.MEMBER, Role.APPLICATION, Role.OWNER
BY_ID = "/environments/{environment_id:str}"
BY_NAME = "/environments/by-name/{name:str}"
LOCK_ROUTES = {
    ("POST", ""): APPLICATION,
    ("PUT", "/{ticket_id:str}/acquire"): APPLICATION,
    ("PUT", "/{ticket_id:str}/renew"): APPLICATION,
    ("DELETE", "/{ticket_id:str}"): APPLICATION,
    ("GET", "/{ticket_id:str}"): MEMBER,
}
# The least role that each route takes; None: no token at all.
TAKES: dict[tuple[str, str], Role | None] = {
    ("GET", "/environments"): MEMBER,
    ("POST", "/environments"): OWNER,
    ("GET", f"{BY_ID}/audit"): MEMBER,
    ("GET", "/environments/repository/{repository_identifier:path}"): MEMBER,
    ("GET", "/audit"): MEMBER,
    ("GET", "/environments/orchestration-order"): MEMBER,
    ("PUT", "/environments/orchestration-order"): OWNER,
    ("GET", f"{BY_ID}/frontdoor"): APPLICATION,
    ("HEAD", f"{BY_ID}/frontdoor"): APPLICATION,
    ("GET", "/repositories/{repository_identifier:path}"): MEMBER,
    ("GET", "/projects"): MEMBER,
    ("POST", "/projects"): OWNER,
    ("GET", "/projects/{identifier:path}"): MEMBER,
    ("PATCH", "/projects/{identifier:path}"): OWNER,
    ("DELETE", "/projects/{identifier:path}"): OWNER,
    ("POST", "/auth/salesforce/register"): OWNER,
    ("GET", "/auth/salesforce/orgs"): MEMBER,
    ("DELETE", "/auth/salesforce/org"): OWNER,
    ("POST", "/application-tokens"): OWNER,
    ("GET", "/application-tokens"): OWNER,
    ("DELETE", "/application-tokens/{token_id:str}"): OWNER,
    ("GET", "/tasks"): MEMBER,
    ("POST", "/tasks"): APPLICATION,
    ("DELETE", "/tasks/{operation_id:str}"): APPLICATION,
    ("GET", "/tasks/{operation_id:str}/status"): MEMBER,
    ("GET", "/tasks/{operation_id:str}/result"): MEMBER,
    ("GET", "/tasks/{operation_id:str}/logs"): MEMBER,
    ("POST", "/tasks/{operation_id:str}/stop-recurring"): APPLICATION,
    ("GET", "/tasks/{operation_id:str}/recurring-instances"): MEMBER,
    ("GET", "/events"): MEMBER,
    ("GET", "/schemas/{event_schema:str}"): None,
    ("GET", "/webhooks"): OWNER,
    ("POST", "/webhooks"): OWNER,
    ("GET", "/webhooks/{webhook_id:str}"): OWNER,
    ("PATCH", "/webhooks/{webhook_id:str}"): OWNER,
    ("DELETE", "/webhooks/{webhook_id:str}"): OWNER,
    ("POST", "/webhooks/{webhook_id:str}/rotate-secret"): OWNER,
    ("POST", "/webhooks/{webhook_id:str}/test"): OWNER,
    ("POST", "/webhooks/{webhook_id:str}/deliver"): OWNER,
    ("POST", "/webhooks/{webhook_id:str}/replay"): OWNER,
    ("GET", "/webhooks/{webhook_id:str}/deliveries"): OWNER,
    ("GET", "/log/checkpoint"): None,
    ("GET", "/log/keys"): None,
    ("GET", "/log/proof/inclusion"): MEMBER,
    ("GET", "/log/proof/consistency"): MEMBER,
    ("GET", "/log/export"): OWNER,
    ("DELETE", "/subjects/{subject:path}"): OWNER,
    ("GET", "/ping"): None,
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/metrics"): None,
    ("GET", "/sfp/apidocs"): None,
    ("GET", "/sfp/apidocs-json"): None,
    ("GET", "/sfp/asyncapi.json"): None,
    ("GET", "/sfp/openapi.json"): None,
    ("GET", "/sfp"): None,
    ("GET", "/sfp/{path:str}"): None,  # Litestar's own 404 page
}
for place in BY_ID, BY_NAME:
    TAKES |= {("GET", place): MEMBER, ("PATCH", place): OWNER, ("DELETE", place): OWNER}
    TAKES |= {("GET", f"{place}/artifacts"): MEMBER}
    TAKES |= {("GET", f"{place}/history"): MEMBER, ("GET", f"{place}/holds"): MEMBER}
    TAKES |= {
        ("GET", f"{place}/releases"): MEMBER,
        ("POST", f"{place}/releases"): APPLICATION,
    }
    TAKES |= {
        (verb, f"{place}/lock{rest}"): r for (verb, rest), r in LOCK_ROUTES.items()
    }

FILLED = {
    "{environment_id:str}": new_id(),
    "{name:str}": "nowhere",
    "{ticket_id:str}": new_ticket_id(),
    "{identifier:path}": "acme/nothing",
    "{repository_identifier:path}": "acme/nothing/audit",
    "{token_id:str}": "0" * 32,
    "{operation_id:str}": new_id(),
    "{event_schema:str}": "berth.lock.acquired.v1.json",
    "{webhook_id:str}": new_id(),
    "{subject:path}": "nobody@acme.example",
}


def routes() -> Iterator[tuple[str, str, Any]]:
    """Method, path and handler of whatever the application itself would route."""
    settings = SimpleNamespace(
        secret=SECRET.encode(), issuers=(), trusted_proxies=(), access_log=False
    )
    services = SimpleNamespace(
        journal=None, reader=None, answers=None, settings=settings
    )
    application = cast("Any", build(cast("Any", services), cast("Any", None)))
    # Within the envelope, the keys and the short way.
    litestar: Litestar = application._app._app._app
    for route in litestar.routes:
        for method, (handler, _) in cast("Any", route).route_handler_map.items():
            if method != "OPTIONS":  # Litestar's own: the methods of a path.
                yield method, re.sub("^/sfp/api/", "/", route.path), handler


ROUTES = list(routes())


def test_the_table_has_every_route_and_no_other() -> None:
    assert {(method, path) for method, path, _ in ROUTES} == TAKES.keys()


def test_a_route_has_one_guard_unless_it_is_open() -> None:
    for method, path, handler in ROUTES:
        takes = TAKES[method, path]
        guards = [guard.role for guard in handler.guards or ()]
        assert guards == ([] if takes is None else [takes]), (method, path)


@pytest.mark.parametrize(("method", "path"), TAKES)
def test_a_route_lets_pass_its_role_and_those_above(
    api: Api, method: str, path: str
) -> None:
    takes = TAKES[method, path]
    for part, value in FILLED.items():
        path = path.replace(part, value)
    url = api.url + path if path.startswith(("/sfp", "/metrics")) else path
    nobody = api.bearing("").ask(method, url)
    if takes is None:
        assert nobody.status_code in {200, 404}
        return
    assert nobody.headers["www-authenticate"] == "Bearer"
    if method == "HEAD":  # An answer to it has no body.
        assert nobody.status_code == 401
        assert api.caller(Role.MEMBER).ask(method, url).status_code == 403
        return
    assert "role" not in refused(nobody, 401, "UNAUTHENTICATED")["message"]
    for role in Role:
        answer = api.caller(role).ask(method, url)
        if role.includes(takes):
            assert answer.status_code not in {401, 403}, answer.text
        else:
            assert takes in refused(answer, 403, "FORBIDDEN")["message"]
