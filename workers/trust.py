"""Whose tokens are believed, and what their claims are good for: the file BERTH_OIDC.

docs/identity.md shows one for GitHub Actions and one for GitLab.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from domain.choices import explained
from domain.errors import Invalid
from domain.naming import fold, name_of
from domain.roles import Role

EVERY = "*"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Text = Annotated[str, Meta(min_length=1, max_length=255)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][\w .-]{0,63}$")]
Algorithm = Literal["RS256", "ES256", "EdDSA"]


class TrustError(Exception):
    """The file cannot be used; the message says where in it and why."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """A token whose claims have all these values may do what `role` may.

    `repositories` are those it may change things of, or the one word "*" for all.
    """

    name: Name
    claims: Annotated[dict[Text, str | int | bool], Meta(min_length=1)]
    role: Role
    repositories: Annotated[tuple[Text, ...], Meta(min_length=1)]

    @property
    def reach(self) -> frozenset[str] | None:
        """As `Actor.repositories`."""
        if EVERY in self.repositories:
            return None
        return frozenset(fold(name) for name in self.repositories)

    def matches(self, claims: Mapping[str, Any]) -> bool:
        """By exact value and type: 1 is neither "1" nor true."""
        return all(
            type(claims.get(name)) is type(value) and claims[name] == value
            for name, value in self.claims.items()
        )


class Issuer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first of `rules` that matches a token decides; none: it is good for nothing.

    `jwks` is where the issuer publishes its keys.
    """

    issuer: Text
    jwks: Text
    audience: Text
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)] = msgspec.field(name="rule")

    @property
    def host(self) -> str:
        """The issuer without its scheme: with a path, where several share a host."""
        return self.issuer.partition("://")[2]


class Trust(Struct, frozen=True, forbid_unknown_fields=True):
    issuers: Annotated[tuple[Issuer, ...], Meta(min_length=1)] = msgspec.field(
        name="issuer"
    )


def load_trust(path: Path) -> Sequence[Issuer]:
    """The issuers that the file names; `TrustError` if anything in it is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        trust = msgspec.convert(content, Trust)
    except OSError as error:
        raise TrustError(error.strerror or "cannot be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrustError(f"is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise TrustError(str(explained(error, Trust))) from None
    for issuer in trust.issuers:
        _check(issuer)
    # Whoever is one's "subject" at http would be the same at https.
    _once("issuer", [issuer.host for issuer in trust.issuers])
    return trust.issuers


def _check(issuer: Issuer) -> None:
    _check_url(issuer.issuer, "issuer")
    _check_url(issuer.jwks, "jwks")
    _once(f"a rule of {issuer.issuer}", [rule.name for rule in issuer.rules])
    for rule in issuer.rules:
        if EVERY in rule.repositories and len(rule.repositories) > 1:
            raise TrustError(f'rule {rule.name}: "*" stands alone in repositories')
        try:
            for name in rule.repositories:
                name_of(name, "repositories", slash=True)
        except Invalid as error:
            raise TrustError(f"rule {rule.name}: {error}") from None


def _check_url(text: str, field: str) -> None:
    """HTTPS, since whoever can change the answer can make up tokens."""
    try:
        url = urlsplit(text)
        is_safe = url.scheme == "https" or (
            url.scheme == "http" and url.hostname in LOOPBACK
        )
        is_plain = not (url.username or url.password or url.fragment or "#" in text)
        is_url = bool(url.hostname) and url.port != 0
    except ValueError:
        is_url = is_safe = is_plain = False
    if not (is_url and is_safe and is_plain and text.isascii()):
        raise TrustError(f"{field} is not an https URL: {text}")


def _once(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise TrustError(f"{what} is named twice")
