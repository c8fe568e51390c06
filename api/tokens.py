"""Application tokens: issued once in plain, listed without, revoked at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import allow
from api.deps import AtDesk, Views
from api.or_null import OrNull
from api.schemas import Answer, Body, Name
from domain.decider import Step
from domain.naming import name_of
from domain.roles import Role
from domain.token import (
    DAYS,
    DAYS_MAX,
    IssueToken,
    RevokeToken,
    Token,
    digest,
    stream_of,
    token,
    token_of,
)
from projections.directory import directory, sql


class TokenBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`expiresIn` is in days."""

    name: Name
    expires_in: OrNull[Annotated[int, Meta(ge=1, le=DAYS_MAX)]] = DAYS


class TokenAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    created_by: str
    created_at: datetime
    expires_at: datetime


class TokenIssuedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`token` is shown this once."""

    id: str
    name: str
    token: str
    expires_at: datetime


class TokensController(Controller):
    path = "/application-tokens"
    tags = ["Application tokens"]

    @post(guards=[allow(Role.OWNER)], opt={"commits": True}, summary="Issue a token")
    async def issue_token(
        self, data: JSONBody[TokenBody], desk: AtDesk
    ) -> TokenIssuedAnswer:
        """It is told this once, and never again. It is good for `expiresIn` days."""
        token_id, secret = desk.new_id().replace("-", ""), desk.new_secret()
        command = IssueToken(
            by=desk.actor,
            name=name_of(data.name, "name"),
            secret_sha256=digest(secret),
            days=data.expires_in,
        )
        step = Step(token, stream_of(token_id), command, fresh=True)
        state: Token = (await desk.execute(step)).states[0]
        assert state.issued is not None
        return TokenIssuedAnswer(
            id=token_id,
            name=state.issued.name,
            token=token_of(token_id, secret),
            expires_at=state.issued.expires_at,
        )

    @get(guards=[allow(Role.OWNER)], summary="List tokens")
    async def list_tokens(self, views: Views) -> list[TokenAnswer]:
        """Those that were not revoked, without their secrets."""
        found = await views.read(directory, sql["list_tokens"], {})
        return [
            TokenAnswer(
                id=row["id"],
                name=row["name"],
                created_by=row["created_by"],
                created_at=row["created_at"],
                expires_at=row["expires_at"],
            )
            for row in found.rows
        ]

    @delete(
        "/{token_id:str}",
        guards=[allow(Role.OWNER)],
        opt={"commits": True},
        summary="Revoke a token",
    )
    async def revoke_token(self, token_id: FromPath[str], desk: AtDesk) -> None:
        """At once and everywhere, for what is done in its name, too."""
        command = RevokeToken(by=desk.actor)
        await desk.execute(Step(token, stream_of(token_id), command))
