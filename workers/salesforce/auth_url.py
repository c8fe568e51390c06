"""The auth URL of an org: `force://<clientId>:<clientSecret>:<refreshToken>@<host>`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from domain.errors import Invalid

SCHEME = "force://"
FORM = "force://<clientId>:<clientSecret>:<refreshToken>@<host>"
PART = re.compile(r"[\x21-\x7e]+", re.ASCII)
HOST = re.compile(r"(https?://)?[\w.:-]+/?", re.ASCII)
PARTS = ("client id", "client secret", "refresh token")


@dataclass(frozen=True, slots=True)
class AuthUrl:
    """What an auth URL says. `host` may have a scheme and a port."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    host: str

    def rotated(self, refresh_token: str) -> AuthUrl:
        return AuthUrl(self.client_id, self.client_secret, refresh_token, self.host)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it nobody may see; an app need not have a secret of its own."""
        return tuple(filter(None, (self.client_secret, self.refresh_token)))

    @property
    def text(self) -> str:
        parts = (self.client_id, self.client_secret, self.refresh_token)
        return f"{SCHEME}{':'.join(parts)}@{self.host}"


def parse_auth_url(text: str, name: str = "sfdxAuthUrl") -> AuthUrl:
    """`Invalid` says what is wrong with `text`, without repeating any of it."""

    def wrong(what: str) -> Invalid:
        return Invalid(f"{name} {what}; it must look like {FORM}", field=name)

    if not text.startswith(SCHEME):
        raise wrong("does not begin with force://")
    credentials, at, host = text.removeprefix(SCHEME).partition("@")
    if not at:
        raise wrong("has no @ before its host")
    if not HOST.fullmatch(host):
        raise wrong("has no host, or more than a host, after its @")
    parts = credentials.split(":")
    if len(parts) != len(PARTS):
        raise wrong(f"has {len(parts)} parts before its @ in place of 3")
    for part, value in zip(PARTS, parts, strict=True):
        if not value and part != "client secret":
            raise wrong(f"has no {part}")
        if value and ("/" in value or not PART.fullmatch(value)):
            raise wrong(f"has a {part} with characters that cannot be in one")
    client_id, client_secret, refresh_token = parts
    return AuthUrl(client_id, client_secret, refresh_token, host.removesuffix("/"))
