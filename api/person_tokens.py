"""JSON Web Tokens signed with the installation's own secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from domain.clock import utc_now
from domain.errors import Unauthenticated
from domain.ids import new_id
from domain.person import SUBJECT_LENGTH_MAX, is_reserved
from domain.roles import Role

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "berth"
LEEWAY = timedelta(seconds=30)
# What is raised for a token that says anything else than one of ours.
BAD = (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Person(Struct, frozen=True):
    """Who a token speaks for, and until when."""

    subject: str
    role: Role
    expires_at: datetime


class Signer:
    """Issues and verifies tokens: HS256 and nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._key = OctKey.import_key(secret)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    def issue(self, subject: str, role: Role, valid_for: timedelta) -> str:
        now = utc_now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "role": role,
            "iat": int(now.timestamp()),
            "exp": int((now + valid_for).timestamp()),
            "jti": new_id(),
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key)

    def verify(self, token: str) -> Person:
        """Whom `token` speaks for; `Unauthenticated` says what is wrong with it."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            self._claims.validate(claims)
            return _person(claims)
        except BAD as error:
            raise Unauthenticated("this token is not valid here") from error


def _person(claims: dict[str, Any]) -> Person:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or "\0" in subject:
        raise ValueError(subject)
    if is_reserved(subject) or len(subject) > SUBJECT_LENGTH_MAX:
        raise ValueError(subject)
    subject.encode()  # A lone surrogate could not be stored.
    expires_at = EPOCH + timedelta(seconds=claims["exp"]) + LEEWAY
    return Person(subject, Role(claims["role"]), expires_at)
