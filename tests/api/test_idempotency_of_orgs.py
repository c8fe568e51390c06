"""A registration that came with a key: the org is asked once, if it answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from domain.roles import Role
from tests.api.test_idempotency_crash import NAME, patiently
from tests.support.client import made, refused, unique
from tests.support.fake_org.org import Org, Reply
from tests.support.running import Api, Installation, until

PATH = "/auth/salesforce/register"


def test_while_the_first_is_under_way_the_second_is_told_so(
    asking: Api, org: Org, pool: ThreadPoolExecutor
) -> None:
    registrar = asking.caller(Role.OWNER)
    body = {"username": org.username, "sfdxAuthUrl": org.auth_url}
    headers = {NAME: unique("key")}
    org.gate.clear()
    first = pool.submit(registrar.ask, "POST", PATH, body, headers=headers)
    until(lambda: org.asked["token"] > 0)
    second = registrar.ask("POST", PATH, body, headers=headers)
    org.gate.set()
    refused(second, 409, "IDEMPOTENCY_KEY_IN_USE")
    assert second.headers["retry-after"] == "1"
    said = made(first.result())
    again = patiently(lambda: registrar.ask("POST", PATH, body, headers=headers))
    assert made(again) == said


def test_an_org_that_was_registered_is_not_asked_again(
    installation: Installation, asking: Api, org: Org
) -> None:
    """Its auth URL may have been used up; and what came of it is known."""
    registrar = asking.caller(Role.OWNER)
    body = {"username": org.username, "sfdxAuthUrl": org.auth_url}
    headers = {NAME: unique("key")}
    first = registrar.ask("POST", PATH, body, headers=headers)
    made(first)
    asked = dict(org.asked)
    lose = """UPDATE idempotent_request SET status = NULL, taken_until = now()
        WHERE created_at = (SELECT max(created_at) FROM idempotent_request)
        RETURNING id"""
    assert installation.query(lose)
    org.always["token"] = Reply(500)
    again = registrar.ask("POST", PATH, body, headers=headers)
    assert made(again) == made(first)
    assert dict(org.asked) == asked


def test_an_org_that_would_not_answer_may_be_asked_again_with_the_same_key(
    asking: Api, org: Org
) -> None:
    registrar = asking.caller(Role.OWNER)
    body = {"username": org.username, "sfdxAuthUrl": org.auth_url}
    headers = {NAME: unique("key")}
    org.always["token"] = Reply(500)
    refused(registrar.ask("POST", PATH, body, headers=headers), 400)
    del org.always["token"]
    made(registrar.ask("POST", PATH, body, headers=headers))
