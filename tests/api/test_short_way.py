"""Whichever way a call of the lock goes, it is answered the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from api.short_way import ROOT, ShortWay
from domain.ids import new_id, new_ticket_id
from tests.support.client import Caller, Json

ID = "01993c1e-0b6e-7c3a-9f10-3f4ad1a5b001"
ODD = "&"  # An empty parameter more changes nothing, and is not plain.
TICKET = "{ticket}"


class Ask(NamedTuple):
    """`rest` follows the lock's path."""

    method: str
    rest: str = ""
    body: Any = None
    headers: dict[str, str] = {}


ASKS: Sequence[Ask] = (
    Ask("POST"),
    Ask("POST", body={"reason": "release 2.1", "leaseDurationSeconds": 60}),
    Ask("POST", body={"leaseDurationSeconds": "60"}),
    Ask("POST", body={"lease": 60}),
    Ask("POST", body=b"{"),
    Ask("POST", body=b"[" * 100_000),
    Ask("POST", body=b'"\xff"'),
    Ask("POST", body=b"null"),
    Ask("POST", body=b" " * 300_000),
    Ask("POST", body={}, headers={"content-type": "text/plain"}),
    Ask("POST", body={}, headers={"content-encoding": "gzip"}),
    Ask("POST", headers={"authorization": "Bearer nobody"}),
    Ask("POST", headers={"authorization": ""}),
    Ask("POST", headers={"host": "not/a/host"}),
    Ask("PUT", f"/{TICKET}/acquire"),
    Ask("PUT", f"/{TICKET}/acquire", {"timeoutSeconds": 0}),
    Ask("PUT", f"/{TICKET}/acquire", {"timeoutSeconds": 301}),
    Ask("PUT", f"/{TICKET}/acquire", b'{"timeoutSeconds": 1e308}'),
    Ask("PUT", f"/{TICKET}/acquire", {"timeoutSeconds": -1}),
    Ask("PUT", f"/{TICKET}/acquire", {"timeoutSeconds": 0.5}),
    Ask("PUT", f"/{new_ticket_id()}/acquire"),
    Ask("PUT", "/ticket/acquire"),
    Ask("PUT", f"/{TICKET}/renew", {"leaseDurationSeconds": 900}),
    Ask("PUT", f"/{TICKET}/renew", {"leaseDurationSeconds": 0}),
    Ask("PUT", f"/{TICKET}/renew", b"null"),
    Ask("PUT", f"/{TICKET}/renew"),
    Ask("PUT", f"/{TICKET}"),
    Ask("GET", f"/{TICKET}"),
    Ask("GET", f"/{new_ticket_id()}"),
    Ask("GET", f"/{TICKET}/acquire"),
    Ask("GET"),
    Ask("HEAD", f"/{TICKET}"),
    Ask("OPTIONS", f"/{TICKET}"),
    Ask("DELETE", f"/{new_ticket_id()}"),
    Ask("DELETE", f"/{TICKET}"),
    Ask("DELETE", f"/{TICKET}"),
    Ask("PUT", f"/{TICKET}/renew"),
    Ask("PUT", f"/{TICKET}/acquire"),
)


def places(environment: Json) -> Sequence[str]:
    """Each with its query: the two ways to name it, and wrong ones."""
    of, by = environment["repositoryIdentifier"], environment["repositoryName"]
    name = quote(environment["name"])
    return (
        f"/environments/{environment['id']}/lock{{}}?repositoryName={by}",
        f"/environments/by-name/{name}/lock{{}}?repositoryIdentifier={of}",
        f"/environments/{environment['id']}/lock{{}}?repositoryName=another",
        f"/environments/{environment['id']}/lock{{}}?repositoryIdentifier={of}",
        f"/environments/{new_id()}/lock{{}}?repositoryName={by}",
        f"/environments/{'-' * 36}/lock{{}}?repositoryName={by}",
        f"/environments/by-name/nowhere/lock{{}}?repositoryIdentifier={of}",
        f"/environments/by-name/{name}/lock{{}}?repositoryName={by}",
    )


@pytest.mark.parametrize("number", range(8))
def test_a_call_is_answered_the_same(owner: Caller, number: int) -> None:
    """Two environments alike, one asked the short way and one the ordinary way."""
    ways = []
    for odd in ("", ODD):
        environment = owner.environment()
        ticket = owner.lock(environment).ticket()
        place = places(environment)[number] + odd
        ways.append([told(owner, place, ticket, ask) for ask in ASKS])
    for ask, plain, ordinary in zip(ASKS, *ways, strict=True):
        assert plain == ordinary, ask


def test_who_may_not_is_refused_the_same(owner: Caller, member: Caller) -> None:
    environment = owner.environment()
    ticket = owner.lock(environment).ticket()
    place = places(environment)[0]
    for caller in (member, replace(member, token="")):
        for ask in ASKS:
            plain, ordinary = (
                told(caller, place + odd, ticket, ask) for odd in ("", ODD)
            )
            assert plain == ordinary, ask


@pytest.mark.parametrize(
    ("path", "query", "is_short"),
    [
        (f"{ID}/lock/t", b"repositoryName=shop", True),
        ("by-name/uat/lock/t", b"repositoryIdentifier=acme%2Fshop", True),
        ("by-name/uat/lock/t", b"repositoryIdentifier=acme/shop", True),
        ("by-name/uat/lock/t", b"repositoryName=shop", False),
        (f"{ID}/lock/t", b"repositoryIdentifier=acme/shop", False),
        (f"{ID}/lock/t", b"repositoryName=shop&", False),
        (f"{ID}/lock/t", b"repositoryName=%73hop", False),
        (f"{ID}/lock/t", b"", False),
        (f"{ID}/lock/t/", b"repositoryName=shop", False),
        ("uat/lock/t", b"repositoryName=shop", False),
    ],
)
def test_what_is_plain_goes_the_short_way(
    path: str, query: bytes, *, is_short: bool
) -> None:
    """Only there is a handler given a place; Litestar here knows of none."""
    status, body = answered(path, query, {"way": "short"})
    if is_short:
        assert (status, body) == (200, {"way": "short"})
    else:
        assert (status, "'place'" in body["detail"]) == (400, True)


def test_a_bug_on_the_way_is_told_as_any_other() -> None:
    status, body = answered(f"{ID}/lock/t", b"repositoryName=shop", object())
    assert (status, body["code"]) == (500, "INTERNAL_SERVER_ERROR")


def answered(path: str, query: bytes, answer: Any) -> tuple[int, Json]:
    """By an application whose handlers look at a ticket, and say `answer`."""

    @get(f"{ROOT}{{environment_id:str}}/lock/{{ticket_id:str}}")
    async def by_id(place: FromQuery[str], ticket_id: FromPath[str]) -> Any:
        del place, ticket_id
        return answer

    @get(f"{ROOT}by-name/{{name:str}}/lock/{{ticket_id:str}}")
    async def by_name(place: FromQuery[str], ticket_id: FromPath[str]) -> Any:
        del place, ticket_id
        return answer

    names = SimpleNamespace(remembered=lambda *_: new_id())
    services = SimpleNamespace(journal=None, reader=None)
    state = State({"services": services, "names": names, "access_log": None})
    app = Litestar([by_id, by_name], state=state, openapi_config=None)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": f"{ROOT}{path}",
        "query_string": query,
        "headers": [(b"host", b"berth.example")],
        "state": {"caller": None},
    }
    asyncio.run(ShortWay(app, app)(scope, receive, send))
    start, *bodies = sent
    whole = b"".join(message["body"] for message in bodies)
    return start["status"], msgspec.json.decode(whole)


def told(caller: Caller, place: str, ticket: str, ask: Ask) -> Any:
    """All but what is new in every answer."""
    path = place.format(ask.rest.replace(TICKET, ticket))
    answer = caller.ask(ask.method, path, ask.body, headers=ask.headers)
    body = answer.json() if answer.content else {}
    if "message" in body:
        body["message"] = body["message"].replace(ticket, "")
    body = {k: v for k, v in body.items() if k not in ANEW}
    headers = {k: v for k, v in answer.headers.items() if k not in ANEW}
    return answer.status_code, headers, body


ANEW = {
    *("requestId", "ticketId", "environmentId", "expiresAt", "requestedAt"),
    *("x-request-id", "content-length", "expiresInSeconds", "updatedAt"),
}
