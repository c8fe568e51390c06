"""What only a holder may see is nowhere else: in no table, no log and no answer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg import connect, sql

from domain.roles import Role
from tests.support.client import Caller, made, refused, unique
from tests.support.fake_org.org import Reply
from tests.support.running import Api, Installation
from tests.support.salesforce import Site

TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
"""


def test_an_auth_url_leaves_the_vault_only_for_the_holder(
    other_api: Api, owner: Caller, member: Caller, installation: Installation
) -> None:
    canary = unique("canary")
    auth_url = f"force://PlatformCLI::{canary}@acme.my.salesforce.com"
    environment = owner.environment(salesforceUsername=owner.org(auth_url))
    waiter = other_api.caller(Role.APPLICATION)
    lock = owner.lock(environment)
    held = lock.hold()
    assert held["sfdxAuthUrl"] == auth_url
    ticket = waiter.lock(environment).ticket()

    path = f"/environments/{environment['id']}"
    answers = [
        caller.get(place)
        for caller in (owner, member, waiter)
        for place in (path, f"{path}/audit", "/environments", "/auth/salesforce/orgs")
    ]
    answers += [
        lock.look(held["ticketId"]),
        lock.renew(held["ticketId"]),
        waiter.lock(environment).acquire(held["ticketId"], 0),
        waiter.lock(environment).acquire(ticket, 0),
        owner.patch(path, {"description": "described"}),
        lock.release(held["ticketId"]),
        lock.acquire(held["ticketId"], 0),
        owner.get("/metrics"),
    ]
    assert not [answer.url for answer in answers if canary in answer.text]
    assert not list(places_of(canary, installation))
    assert list(places_of(environment["salesforceUsername"], installation))


def test_what_an_org_gave_is_told_and_nowhere_kept(
    here: Site, installation: Installation
) -> None:
    caller = here.caller(Role.APPLICATION)
    held = caller.lock(here.environment).hold()
    here.org.has_single_access = False
    told = [
        held["accessToken"],
        made(caller.get(here.path, authType="accessToken"))["accessToken"],
        made(caller.get(f"{here.path}/frontdoor", redirect="false"))["url"],
    ]
    here.org.always["token"] = Reply(400, {"error": "invalid_grant"})
    here.org.end_sessions()
    refused(caller.get(f"{here.path}/artifacts"), 400)
    once = parse_qs(urlsplit(held["frontDoorUrl"]).query)["otp"][0]
    assert all(told)
    for secret in {here.org.refresh_token, once, *here.org.given}:
        assert not list(places_of(secret, installation))


def test_no_token_is_kept(api: Api, owner: Caller, installation: Installation) -> None:
    issued = made(owner.post("/application-tokens", {"name": "ci"}))["token"]
    made(api.bearing(issued).get("/environments"))
    for secret in issued[-43:], owner.token.rpartition(".")[2]:
        assert not list(places_of(secret, installation))


@pytest.mark.parametrize("body", [b"{", b'{"sfdxAuthUrl": 7', b"[]"])
def test_a_body_that_is_refused_is_not_repeated(
    owner: Caller, installation: Installation, body: bytes
) -> None:
    canary = unique("canary")
    answer = owner.post("/auth/salesforce/register", body + canary.encode())
    assert answer.status_code == 400
    assert canary not in answer.text
    assert not list(places_of(canary, installation))


def places_of(text: str, installation: Installation) -> Iterator[str]:
    """Every table that has `text` in a row, as text or in bytes, and every such log."""
    needles = [text.encode(), text.encode().hex().encode()]
    with connect(installation.settings.database_url) as connection:
        for schema, table in connection.execute(TABLES).fetchall():
            query = sql.SQL("COPY (TABLE {}) TO STDOUT").format(
                sql.Identifier(schema, table)
            )
            with connection.cursor().copy(query) as copy:
                dump = b"".join(bytes(block) for block in copy)
            if any(needle in dump for needle in needles):
                yield table
    for log in installation.logs:
        if text in log.read_text():
            yield log.name
