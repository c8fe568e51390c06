"""Who is remembered: so many at most, and nobody for longer than the token is good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Request

from api import auth
from api.auth import Authenticator
from api.peers import Peers
from api.person_tokens import Person, Signer
from api.visitors import Visitors
from domain.clock import utc_now
from domain.roles import Role
from tests.support.memory import MemoryJournal

Ask = Callable[[str], Coroutine[Any, Any, str]]


class Issuer(Signer):
    """Takes any token for its bearer's name; `asked` are those it was asked about."""

    def __init__(self) -> None:
        super().__init__(b"s" * 32)
        self.asked: list[str] = []
        self.expires_at: datetime = utc_now() + timedelta(hours=1)

    def verify(self, token: str) -> Person:
        self.asked.append(token)
        return Person(token, Role.MEMBER, self.expires_at)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def ask(journal: MemoryJournal, issuer: Issuer) -> Ask:
    """Whose the token is, as the authenticator of one process says."""
    authenticator = Authenticator(journal, issuer, Visitors(()))

    async def caller(bearer: str) -> str:
        found = await authenticator.caller(a_request(bearer), commits=False)
        return found.actor.id

    return caller


def a_request(bearer: str) -> Request[Any, Any, Any]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {bearer}".encode())],
        "client": ("127.0.0.1", 1),
        "state": {},
        "litestar_app": SimpleNamespace(state=SimpleNamespace(peers=Peers(()))),
    }
    return Request(cast("Any", scope))


def test_who_is_known_is_not_verified_again(ask: Ask, issuer: Issuer) -> None:
    async def test() -> None:
        for bearer in ("ada", "bob", "ada", "bob"):
            assert await ask(bearer) == bearer

    asyncio.run(test())
    assert issuer.asked == ["ada", "bob"]


def test_whose_token_has_run_out_is_known_no_more(ask: Ask, issuer: Issuer) -> None:
    issuer.expires_at = utc_now()

    async def test() -> None:
        for _ in range(3):
            await ask("ada")

    asyncio.run(test())
    assert issuer.asked == ["ada"] * 3


def test_of_too_many_the_first_are_forgotten(
    ask: Ask, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_MAX", 2)

    async def test() -> None:
        for bearer in ("ada", "bob", "cem", "bob", "cem", "ada"):
            await ask(bearer)

    asyncio.run(test())
    assert issuer.asked == ["ada", "bob", "cem", "ada"]
