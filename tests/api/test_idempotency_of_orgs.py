"""A registration that came with a key: the org is asked once, if it answers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from httpx2 import Response

from domain.roles import Role
from tests.api.test_idempotency_crash import NAME, patiently
from tests.support.client import made, refused, unique
from tests.support.fake_org.org import Org, Reply
from tests.support.running import Api, Installation, until

Register = Callable[[], Response]


@pytest.fixture
def register(asking: Api, org: Org) -> Register:
    """Asks for it each time with the same key."""
    return partial(
        asking.caller(Role.OWNER).ask,
        "POST",
        "/auth/salesforce/register",
        {"username": org.username, "sfdxAuthUrl": org.auth_url},
        headers={NAME: unique("key")},
    )


def test_while_the_first_is_under_way_the_second_is_told_so(
    register: Register, org: Org, pool: ThreadPoolExecutor
) -> None:
    org.gate.clear()
    first = pool.submit(register)
    until(lambda: org.asked["token"] > 0)
    second = register()
    org.gate.set()
    refused(second, 409, "IDEMPOTENCY_KEY_IN_USE")
    assert second.headers["retry-after"] == "1"
    said = made(first.result())
    again = patiently(register)
    assert made(again) == said


def test_an_org_that_was_registered_is_not_asked_again(
    installation: Installation, register: Register, org: Org
) -> None:
    """Its auth URL may have been used up; and what came of it is known."""
    first = register()
    made(first)
    asked = dict(org.asked)
    lose = """UPDATE idempotent_request SET status = NULL, taken_until = now()
        WHERE created_at = (SELECT max(created_at) FROM idempotent_request)
        RETURNING id"""
    assert installation.query(lose)
    org.always["token"] = Reply(500)
    again = register()
    assert made(again) == made(first)
    assert dict(org.asked) == asked


def test_an_org_that_would_not_answer_may_be_asked_again_with_the_same_key(
    register: Register, org: Org
) -> None:
    org.always["token"] = Reply(500)
    refused(register(), 400)
    del org.always["token"]
    made(register())
