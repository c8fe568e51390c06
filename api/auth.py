"""Who is calling, and may they: every route asks, through `allow(role)`.

Verified tokens are remembered for a while, but never trusted alone: a person's until it
expires; a visitor's for some minutes; an application's only together with a `UseToken`
step, which sees a revocation at once, wherever it was made.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct
from msgspec.structs import replace

from api.identity import ANYBODY, Identity
from api.peers import Peers
from api.person_tokens import Signer
from api.requests import header, request_id_of
from api.visitors import Visitors
from domain.clock import utc_now
from domain.decider import Journal, Reach, Step, check_reach
from domain.errors import Forbidden, Unauthenticated
from domain.event import Actor, system
from domain.roles import Role
from domain.token import PREFIX, Token, UseToken, stream_of, token

REMEMBERED_MAX = 10_000
BEARER_LENGTH_MAX = 8_192
USER_AGENT_LENGTH_MAX = 512
APPLICATION_TOKEN = re.compile(rf"{PREFIX}([0-9a-f]{{32}})_([\w-]{{43}})", re.ASCII)

# Whose token it is turns out only when it is looked at.
LOOKING = replace(system("sign-in"), role=Role.MEMBER)
Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class Caller(Struct, frozen=True):
    """An identity making this request. `guard` goes along with whatever it asks for."""

    actor: Actor
    expires_at: datetime
    guard: tuple[Step, ...] = ()

    def check_still_good(self) -> None:
        """After a long wait: the token may have run out meanwhile."""
        if utc_now() >= self.expires_at:
            raise Unauthenticated("this token has expired")


class Authenticator:
    def __init__(self, journal: Journal, signer: Signer, visitors: Visitors) -> None:
        self._journal = journal
        self._signer = signer
        self._visitors = visitors
        self._known: OrderedDict[bytes, Identity] = OrderedDict()

    async def caller(self, connection: Connection, *, commits: bool) -> Caller:
        """The caller; `Unauthenticated` if it is nobody.

        `commits` says that the handler executes the caller's guard with its own steps;
        else the guard is executed here.
        """
        identity, is_checked = await self._recognise(_bearer(connection))
        caller = _calling(identity, actor_of(connection, identity))
        if caller.guard and not commits and not is_checked:
            await self._journal.execute(*caller.guard)
        return caller

    async def identity(self, connection: Connection) -> Identity:
        """Whose token this is, and that it is good just now; before any route."""
        identity, is_checked = await self._recognise(_bearer(connection))
        if identity.token_id and not is_checked:
            actor = Actor(identity.id, identity.role, identity.application)
            await self._journal.execute(_use(identity.token_id, actor))
        return identity

    async def bearing(self, authorization: str, request_id: str) -> Caller:
        """Who asks by another way than HTTP; the guard goes along with all it asks."""
        identity, _ = await self._recognise(bearer_in(authorization))
        return _calling(identity, actor_as(identity, request_id))

    async def _recognise(self, bearer: str) -> tuple[Identity, bool]:
        """The identity, and whether all of it was checked only now."""
        key = sha256(bearer.encode()).digest()
        identity = self._known.get(key)
        if identity is not None and utc_now() < identity.verify_again_at:
            return identity, False
        self._known.pop(key, None)
        identity = await self._identify(bearer)
        self._remember(key, identity)
        return identity, True

    async def again(self, connection: Connection) -> Caller:
        """The caller as of now, whatever is remembered: for what leaves after a wait.

        The guard of an application is not executed here, but with what it asks for; it
        says all there is to say, since the role of an application never changes.
        """
        key = sha256(_bearer(connection).encode()).digest()
        known = self._known.get(key)
        if known is not None and known.token_id is None:
            del self._known[key]
        return await self.caller(connection, commits=True)

    async def _identify(self, bearer: str) -> Identity:
        if not bearer.startswith(PREFIX):
            if visitor := await self._visitors.identify(bearer):
                return visitor
            person = self._signer.verify(bearer)
            until = person.expires_at
            return Identity(person.subject, person.role, None, until, until)
        found = APPLICATION_TOKEN.fullmatch(bearer)
        if found is None:
            raise Unauthenticated("this is not an application token")
        token_id, secret = found.groups()
        outcome = await self._journal.execute(_use(token_id, LOOKING))
        state: Token = outcome.states[0]
        if state.issued is None or not state.matches(secret):
            raise Unauthenticated("this application token is not valid here")
        name = state.issued.name
        until = state.issued.expires_at
        return Identity(name, Role.APPLICATION, name, until, until, token_id)

    def _remember(self, key: bytes, identity: Identity) -> None:
        self._known[key] = identity
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)


def allow(role: Role) -> Guard:
    """A guard that lets pass whoever has `role` or one above it."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        services, state = connection.app.state, connection.scope["state"]
        try:
            if "refusal" in state:  # Somebody on the way here has decided already.
                raise state["refusal"]
            caller = await services.authenticator.caller(
                connection, commits=handler.opt.get("commits", False)
            )
            state["caller"] = caller
            require(role, caller)
            if role is Role.OWNER and not handler.opt.get("commits"):
                # Members see everything; what only owners see is of the installation.
                check_reach(caller.actor, Reach.INSTALLATION)
        except (Unauthenticated, Forbidden) as refusal:
            await services.access_log.refused(connection, refusal)
            raise

    guard.role = role  # type: ignore[attr-defined]  # for the OpenAPI document
    return guard


def require(role: Role, caller: Caller) -> None:
    """`Forbidden` unless the caller has `role` or one above it."""
    if not caller.actor.role.includes(role):
        raise Forbidden(f"this takes the role {role}, not {caller.actor.role}")


def actor_of(connection: Connection, identity: Identity = ANYBODY) -> Actor:
    """Who makes a request, and where it comes from."""
    agent = header(connection.scope, b"user-agent")
    peers: Peers = connection.app.state.peers
    return replace(
        actor_as(identity, request_id_of(connection.scope)),
        ip=peers.address_of(connection.scope),
        user_agent=agent[:USER_AGENT_LENGTH_MAX] if agent else None,
    )


def actor_as(identity: Identity, request_id: str) -> Actor:
    """Not dated if it is an application: its token's guard says whether it is good."""
    # An application's token is looked at by its guard.
    is_dated = identity is not ANYBODY and identity.token_id is None
    until = identity.expires_at if is_dated else None
    return Actor(
        id=identity.id,
        role=identity.role,
        application=identity.application,
        request_id=request_id,
        repositories=identity.repositories,
        good_until=until,
        token_id=identity.token_id,
    )


def _calling(identity: Identity, actor: Actor) -> Caller:
    if identity.token_id is None:
        return Caller(actor, identity.expires_at)
    return Caller(actor, identity.expires_at, (_use(identity.token_id, actor),))


def _use(token_id: str, actor: Actor) -> Step:
    return Step(token, stream_of(token_id), UseToken(by=actor))


def _bearer(connection: Connection) -> str:
    return bearer_in(header(connection.scope, b"authorization"))


def bearer_in(authorization: str) -> str:
    """The token; `Unauthenticated` if the header has none, or one that is too long."""
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise Unauthenticated("send a token: Authorization: Bearer <token>")
    if len(bearer) > BEARER_LENGTH_MAX:
        raise Unauthenticated("this token is too long to be one of ours")
    return bearer.strip()
