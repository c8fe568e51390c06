"""A role is looked at again when credentials are about to leave, whatever was known."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Request

from api.access_log import AccessLog
from api.auth import Authenticator
from api.credentials import still_holding
from api.deps import Desk
from api.peers import Peers
from api.person_tokens import Person, Signer
from api.place import Place
from api.visitors import Visitors
from domain.clock import utc_now
from domain.errors import Forbidden, Unauthenticated
from domain.roles import Role
from tests.support.builders import acquire, register, to
from tests.support.builders import request as request_lock
from tests.support.memory import MemoryJournal


class Issuer(Signer):
    """Knows one person, whose role may change while a token of his is about."""

    role: Role | None = Role.APPLICATION

    def verify(self, token: str) -> Person:
        if self.role is None or not token:
            raise Unauthenticated("this token was taken back")
        return Person("ci", self.role, utc_now() + timedelta(hours=1))


def test_a_role_that_was_taken_away_counts_no_more(journal: MemoryJournal) -> None:
    async def test() -> None:
        issuer = Issuer(b"s" * 32)
        authenticator = Authenticator(journal, issuer, Visitors(()))
        request = a_request(authenticator)
        caller = await authenticator.caller(request, commits=True)
        assert caller.actor.role is Role.APPLICATION
        desk = Desk(journal, caller, AccessLog(journal, str), request)
        await desk.require_again(Role.APPLICATION)
        issuer.role = Role.MEMBER
        # What is remembered is good enough for what waits for nobody.
        again = await authenticator.caller(request, commits=True)
        assert again.actor.role is Role.APPLICATION
        with pytest.raises(Forbidden, match="not member"):
            await desk.require_again(Role.APPLICATION)
        issuer.role = None
        with pytest.raises(Unauthenticated):
            await desk.require_again(Role.APPLICATION)

    asyncio.run(test())
    refusals = [record.event for record in journal.records]
    assert [getattr(event, "status", None) for event in refusals] == [403]


def test_a_holder_whose_role_was_taken_away_is_told_nothing(
    journal: MemoryJournal,
) -> None:
    async def test() -> None:
        issuer = Issuer(b"s" * 32)
        authenticator = Authenticator(journal, issuer, Visitors(()))
        request = a_request(authenticator)
        caller = await authenticator.caller(request, commits=True)
        for command in (
            register(),
            request_lock("a", actor=caller.actor),
            acquire("a", actor=caller.actor),
        ):
            await journal.execute(to("e", command))
        desk = Desk(journal, caller, AccessLog(journal, str), request)
        place = Place(desk, cast("Any", None), cast("Any", None), "e")
        assert (await still_holding(place, "a")).fence == 1
        issuer.role = Role.MEMBER
        with pytest.raises(Forbidden):
            await still_holding(place, "a")

    asyncio.run(test())


def a_request(authenticator: Authenticator) -> Request[Any, Any, Any]:
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/",
        "path_params": {},
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer token")],
        "client": ("127.0.0.1", 1),
        "state": {},
        "litestar_app": SimpleNamespace(
            state=SimpleNamespace(authenticator=authenticator, peers=Peers(()))
        ),
    }
    return Request(cast("Any", scope))
