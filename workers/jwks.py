"""One issuer's public keys: fetched when somebody comes with one that is not known.

However many keys they make up, the issuer is asked at most every 30 s, and once at a
time. What was fetched is good for a day, so that its absence does no harm.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import cache
from math import ceil
from time import monotonic
from typing import Any

import httpx2
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from msgspec import Struct

from domain.errors import IssuerUnavailable

ASKED_EVERY_SECONDS = 30
RENEWED_AFTER_SECONDS = 1_800
AWAITED_AFTER_SECONDS = 3_600  # Where nobody came, nothing was renewed beside.
GOOD_FOR_SECONDS = 24 * 3_600
FETCH_SECONDS_MAX = 5
BYTES_MAX = 256 * 1024
KEYS_MAX = 100
RSA_BITS = range(2_048, 8_193)
# What may be known of a key: not its private parts, should they be published.
PUBLIC = {"kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"}
HEADERS = {"accept": "application/json", "accept-encoding": "identity"}
log = structlog.get_logger()


class IssuerKeys:
    """The keys at `url`. One for each issuer and process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, Key] = {}
        self._fetched_at: float | None = None
        self._asked_at: float | None = None
        self._has_answered = True
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Key | None:
        """The key, which knows what it is for; None if the issuer has no such key.

        `IssuerUnavailable` if it is not known here and the issuer does not answer.
        """
        known, age = self._known(kid), self._age()
        if known and age <= AWAITED_AFTER_SECONDS:
            if age > RENEWED_AFTER_SECONDS:
                self._ask()
            return known
        if asking := self._ask():
            await asyncio.shield(asking)
        if (known := self._known(kid)) is None and not self._has_answered:
            raise IssuerUnavailable(
                "the issuer of this token does not answer; its keys are not known here",
                retry_after_seconds=self._ask_again_in(),
            )
        return known

    def _known(self, kid: str) -> Key | None:
        return self._keys.get(kid) if self._age() <= GOOD_FOR_SECONDS else None

    def _age(self) -> float:
        if self._fetched_at is None:
            return float("inf")
        return monotonic() - self._fetched_at

    def _ask(self) -> asyncio.Task[None] | None:
        """The fetch under way, a new one, or none if the last was a moment ago."""
        if self._fetching is None or self._fetching.done():
            now = monotonic()
            if self._asked_at and now - self._asked_at < ASKED_EVERY_SECONDS:
                return None
            self._asked_at = now
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    def _ask_again_in(self) -> int:
        """Seconds, at least one."""
        since = monotonic() - (self._asked_at or 0)
        return max(1, ceil(ASKED_EVERY_SECONDS - since))

    async def _fetch(self) -> None:
        try:
            self._keys = await fetch(self._url)
        except (httpx2.HTTPError, OSError, ValueError) as error:
            self._has_answered = False
            reason = str(error) or type(error).__name__
            log.warning("issuer's keys not fetched", url=self._url, error=reason)
        else:
            self._has_answered = True
            self._fetched_at = monotonic()


async def fetch(url: str) -> Mapping[str, Key]:
    """The keys at `url` by their ids; `ValueError` if that is no key set.

    No redirects, no proxy of the environment, no more than `BYTES_MAX`.
    """
    body = bytearray()
    async with (
        asyncio.timeout(FETCH_SECONDS_MAX),
        httpx2.AsyncClient(trust_env=False, verify=_tls()) as client,
        client.stream("GET", url, headers=HEADERS) as answer,
    ):
        if answer.status_code != httpx2.codes.OK:
            raise ValueError(f"the answer was {answer.status_code}")
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > BYTES_MAX:
                raise ValueError(f"the answer is larger than {BYTES_MAX} bytes")
    return keys_of(bytes(body))


class _KeySet(Struct):
    keys: list[dict[str, Any]]


def keys_of(body: bytes) -> Mapping[str, Key]:
    """Those that can verify a token, by their ids; others are passed over."""
    try:
        published = msgspec.json.decode(body, type=_KeySet).keys
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"the answer is not a key set: {error}") from None
    keys: dict[str, Key] = {}
    for one in published[:KEYS_MAX]:
        kid = one.get("kid")
        if isinstance(kid, str) and kid not in keys and _is_usable(one):
            try:
                public = {k: v for k, v in one.items() if k in PUBLIC}
                key = JWKRegistry.import_key(public)
                key.get_op_key("verify")
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            keys[kid] = key
    return keys


def _is_usable(one: Mapping[str, Any]) -> bool:
    """Never a symmetric key: who knows it could sign with it."""
    if one.get("use", "sig") != "sig" or not isinstance(one.get("alg"), str | None):
        return False
    match one.get("kty"), one.get("crv"):
        case "RSA", _:
            return _bits(one.get("n")) in RSA_BITS
        case ("EC", "P-256") | ("OKP", "Ed25519"):
            return True
        case _:
            return False


def _bits(number: object) -> int:
    """How long a number is that is written as JWK does; 0 if it is none."""
    try:
        padded = str(number) + "=" * (-len(str(number)) % 4)
        return int.from_bytes(urlsafe_b64decode(padded)).bit_length()
    except ValueError:
        return 0


@cache
def _tls() -> ssl.SSLContext:
    """The system's authorities; made once, as it takes 20 ms."""
    return ssl.create_default_context()
