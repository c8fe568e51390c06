"""Tokens that others have issued: a CI's OIDC tokens, by the rules of BERTH_OIDC.

A token chooses its issuer by `iss`, and from then on has nothing more to say of how it
is verified: the algorithms are the issuer's in BERTH_OIDC, the keys are those that it
publishes, and `jku`, `x5u`, `jwk` and the like are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import CompactSignature, JWSRegistry

from api.identity import Identity
from api.person_tokens import EPOCH, LEEWAY
from domain.clock import utc_now
from domain.errors import Forbidden, Unauthenticated
from domain.person import SUBJECT_LENGTH_MAX
from workers.jwks import IssuerKeys
from workers.trust import Issuer

# So long at most does a key go on working here that its issuer has withdrawn, after
# the withdrawal was noticed.
VERIFIED_FOR = timedelta(minutes=5)
NOT_VALID = "this token is not valid here"
Problem = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
)


class _Algorithms(JWSRegistry):
    """An issuer's algorithms and no other; the library warns of EdDSA's old name."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(algorithms=names, strict_check_header=False)
        self._names = frozenset(names)

    def get_alg(self, name: str) -> Any:
        if name not in self._names:
            raise UnsupportedAlgorithmError("this algorithm is not this issuer's")
        return self.algorithms[name]


class _Trusted:
    """One issuer: who it is, its keys, and what its tokens must say."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.keys = IssuerKeys(issuer.jwks)
        self.algorithms = _Algorithms(issuer.algorithms)
        self.claims = jwt.JWTClaimsRegistry(
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": issuer.issuer},
            aud={"essential": True, "value": issuer.audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )


class Visitors:
    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self._trusted = {issuer.issuer: _Trusted(issuer) for issuer in issuers}

    async def identify(self, token: str) -> Identity | None:
        """Whom `token` speaks for; None if it does not claim to be a visitor's.

        `Unauthenticated` if it is not good, `Forbidden` if no rule is about it,
        `IssuerUnavailable` if nobody can tell.
        """
        if not self._trusted:
            return None
        try:
            signed = jws.extract_compact(token.encode())
            claims = json.loads(signed.payload or b"")
            trusted = self._trusted.get(claims["iss"])
        except Problem:
            return None  # Nor is it anybody else's; who looks next will say so.
        return await _identify(trusted, signed, claims) if trusted else None


async def _identify(
    trusted: _Trusted, signed: CompactSignature, claims: dict[str, Any]
) -> Identity:
    try:
        header = signed.headers()
        trusted.algorithms.check_header(header)
        trusted.algorithms.get_alg(header["alg"])
        kid = header["kid"]
    except Problem as error:
        raise Unauthenticated(NOT_VALID) from error
    key = await trusted.keys.find(kid) if isinstance(kid, str) else None
    if key is None:
        raise Unauthenticated(NOT_VALID)
    try:
        if not jws.validate_compact(signed, key, registry=trusted.algorithms):
            raise Unauthenticated(NOT_VALID)
        trusted.claims.validate(claims)
        subject = _subject(claims["sub"])
        expires_at = EPOCH + timedelta(seconds=claims["exp"]) + LEEWAY
    except Problem as error:
        raise Unauthenticated(NOT_VALID) from error
    rules = trusted.issuer.rules
    rule = next((rule for rule in rules if rule.matches(claims)), None)
    if rule is None:
        raise Forbidden("this token is genuine, but no rule here is about it")
    return Identity(
        # No issuer has a "#" in it, so that no subject can pass for another's.
        id=f"{trusted.issuer.host}#{subject}",
        role=rule.role,
        application=rule.name,
        expires_at=expires_at,
        verify_again_at=min(expires_at, utc_now() + VERIFIED_FOR),
        repositories=rule.reach,
    )


def _subject(subject: str) -> str:
    if len(subject) > SUBJECT_LENGTH_MAX or not subject.isprintable():
        raise ValueError(subject)
    subject.encode()  # A lone surrogate could not be stored.
    return subject
