"""Application tokens: shown once, kept as a hash, revoked for good.

A token is `sfp_at_<id>_<secret>`; `<id>` is 32 hex digits, `<secret>` 43 characters of
base64url, 256 bits. Only the secret's SHA-256 is ever stored (DESIGN section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.decider import Decider, Reach
from domain.errors import Invalid, TokenNotFound, Unauthenticated
from domain.event import Command, Event
from domain.person import is_reserved

PREFIX = "sfp_at_"
DAYS = 30
DAYS_MAX = 3_650


class TokenIssued(Event, frozen=True, tag="token.issued"):
    """Good until `expires_at`, unless it is revoked before."""

    name: str
    secret_sha256: str
    expires_at: datetime


class TokenRevoked(Event, frozen=True, tag="token.revoked"):
    """Good for nothing from here on."""


TokenEvent = TokenIssued | TokenRevoked


class IssueToken(Command, frozen=True, kw_only=True):
    name: str
    secret_sha256: str
    days: int = DAYS


class RevokeToken(Command, frozen=True, kw_only=True):
    pass


class UseToken(Command, frozen=True, kw_only=True):
    """Appends nothing; refuses when the token is no longer good.

    Executed together with what the token is used for, so that a revocation takes
    effect at once, wherever it was made.
    """


TokenCommand = IssueToken | RevokeToken | UseToken


class Token(Struct, frozen=True):
    issued: TokenIssued | None = None
    is_revoked: bool = False

    def is_good(self, at: datetime) -> bool:
        return (
            self.issued is not None
            and not self.is_revoked
            and at < self.issued.expires_at
        )

    def matches(self, secret: str) -> bool:
        """Compares in constant time."""
        if self.issued is None:
            return False
        return compare_digest(digest(secret), self.issued.secret_sha256)


STREAMS = "tokens/"


def stream_of(token_id: str) -> str:
    return STREAMS + token_id


def token_id_of(stream: str) -> str:
    return stream.removeprefix(STREAMS)


def token_of(token_id: str, secret: str) -> str:
    """The token as its application will send it."""
    return f"{PREFIX}{token_id}_{secret}"


def digest(secret: str) -> str:
    """SHA-256, in hex: all that is kept of it."""
    return sha256(secret.encode()).hexdigest()


def decide(command: TokenCommand, token: Token, at: datetime) -> Sequence[TokenEvent]:
    """`Invalid`, `TokenNotFound`; `Unauthenticated` if it is used and not good."""
    match command:
        case IssueToken():
            if is_reserved(command.name):
                raise Invalid("name is one that Berth means something by", field="name")
            until = at + timedelta(days=command.days)
            return [TokenIssued(command.name, command.secret_sha256, until)]
        case RevokeToken():
            if token.issued is None or token.is_revoked:
                raise TokenNotFound("no such application token")
            return [TokenRevoked()]
        case UseToken():
            if not token.is_good(at):
                raise Unauthenticated(
                    "this application token has expired or was revoked"
                )
            return []
        case _:
            assert_never(command)


def evolve(token: Token, event: TokenEvent) -> Token:
    match event:
        case TokenIssued():
            return Token(event)
        case TokenRevoked():
            return replace(token, is_revoked=True)
        case _:
            assert_never(event)


def belongs_to(command: TokenCommand, _: Token) -> Reach:
    is_harmless = isinstance(command, UseToken)
    return Reach.EVERYBODY if is_harmless else Reach.INSTALLATION


token = Decider(initial=Token(), decide=decide, evolve=evolve, belongs_to=belongs_to)
