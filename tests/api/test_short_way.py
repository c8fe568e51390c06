"""Whichever way a call of the lock goes, it is answered the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from domain.ids import new_id, new_ticket_id
from tests.support.client import Caller, Json

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
