"""Whom a token speaks for, once it was verified."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from domain.person import ANONYMOUS
from domain.roles import Role


class Identity(Struct, frozen=True):
    """Until `expires_at` at the latest; after `verify_again_at` look at it anew.

    `token_id` is an application token's; `repositories` is as `Actor`'s.
    """

    id: str
    role: Role
    application: str | None
    expires_at: datetime
    verify_again_at: datetime
    token_id: str | None = None
    repositories: frozenset[str] | None = None


LONG_AGO = datetime.min.replace(tzinfo=UTC)
ANYBODY = Identity(ANONYMOUS, Role.MEMBER, None, LONG_AGO, LONG_AGO)
